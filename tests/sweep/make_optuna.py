"""Writes optuna.json: what Optuna computes from given histories. Needs Optuna (made with the source of 2026-08-21,
5.0.0.dev), NumPy and SciPy: python3 tests/sweep/make_optuna.py > tests/sweep/optuna.json"""
import json
import math
import warnings

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator, _ParzenEstimatorParameters
from optuna.samplers._tpe.sampler import _split_trials, default_gamma, default_weights
from optuna.trial import TrialState, create_trial
from scipy.stats import qmc

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
rng = np.random.RandomState(0)
# Which of two equal observations gets which width depends on a sort that is not stable: here it is.
argsort = np.argsort
np.argsort = lambda a, axis=-1, kind=None: argsort(a, axis, "stable")
AXES = {
    "learningRate": FloatDistribution(1e-4, 1e-2, log=True),
    "beta": FloatDistribution(0.5, 4.0),
    "latent": IntDistribution(2, 64, log=True),
    "epochs": IntDistribution(1, 30),
    "likelihood": CategoricalDistribution(["a", "b", "c"]),
}


def draw(d):
    if isinstance(d, CategoricalDistribution):
        return int(rng.randint(len(d.choices)))
    u = rng.rand()
    x = math.exp(math.log(d.low) + u * math.log(d.high / d.low)) if d.log else d.low + u * (d.high - d.low)
    return int(round(x)) if isinstance(d, IntDistribution) else float(f"{x:.3e}")


def tpe():
    cases = []
    for name, d in AXES.items():
        for n in (0, 1, 2, 9, 26, 60):
            observed = [draw(d) for _ in range(n)]
            at = [draw(d) for _ in range(5)]
            estimator = _ParzenEstimator(
                {name: np.array(observed, dtype=float)},
                {name: d},
                _ParzenEstimatorParameters(1.0, True, False, default_weights, False),
            )
            log = estimator.log_pdf({name: np.array(at, dtype=float)})
            cases.append({"axis": name, "observed": observed, "at": at, "log": [float(x) for x in log]})
    return cases


def split():
    cases = []
    for n in (10, 11, 35, 300):
        values = [float(np.round(v, 1)) for v in rng.rand(n) * 20]
        study = optuna.create_study()
        trials = [create_trial(value=v, params={}, distributions={}) for v in values]
        for i, trial in enumerate(trials):
            trial.number = i
        below, _ = _split_trials(study, trials, default_gamma(n))
        cases.append({"values": values, "below": [t.number for t in below]})
    return cases


def asha():
    cases = []
    for start, factor in ((1, 3), (2, 4), (1, 2)):
        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=start, reduction_factor=factor)
        study = optuna.create_study(pruner=pruner)
        running = [study.ask() for _ in range(30)]
        epochs = [0] * 30
        events = []
        while running:
            trial = running[int(rng.randint(len(running)))]
            epochs[trial.number] += 1
            value = float(np.round(150 + 20 * rng.rand() - epochs[trial.number], 2))
            trial.report(value, epochs[trial.number])
            pruned = bool(trial.should_prune())
            events.append([trial.number, epochs[trial.number], value, pruned])
            if pruned or epochs[trial.number] == 12:
                running.remove(trial)
                study.tell(trial, None if pruned else value, TrialState.PRUNED if pruned else TrialState.COMPLETE)
        cases.append({"from": start, "factor": factor, "events": events})
    return cases


sobol = qmc.Sobol(d=19, scramble=False, bits=32).random(64)
record = {"optuna": optuna.__version__, "tpe": tpe(), "split": split(), "asha": asha(), "sobol": sobol.tolist()}
print(json.dumps(record))
