"""Any loss of pytorch-metric-learning, by its name (extra `pml`); the one file that imports the library."""

import difflib
import inspect
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from ...store.errors import LookalikeError
from .batch import check_batch, check_dim, full_precision, rows_of
from .groups import Groups
from .result import LossResult, stats_of_rows

UNFIT = {
    "BaseMetricLossFunction": "it is what the others are made from",
    "GenericPairLoss": "it is what others are made from",
    "BaseLossWrapper": "it goes around another loss",
    "CrossBatchMemory": "it goes around another loss",
    "MultipleLosses": "it is made of other losses",
    "SelfSupervisedLoss": "it goes around another loss",
    "ManifoldLoss": "it takes no labels",
    "VICRegLoss": "it takes no labels",
}
"""Losses that cannot learn from embeddings and labels alone, and why."""
_FILLED = {"num_classes": "classes", "embedding_size": "dim", "descriptors_dim": "dim"}
_OBJECTS = {"distance", "reducer", "collect_stats", "weight_init_func"} | {
    f"{kind}_{what}" for kind in ("embedding", "weight") for what in ("regularizer", "reg_weight")
}


class Pml(nn.Module):
    """A loss of pytorch-metric-learning: pml(embeddings (b, dim) floating, labels (b,) integers from 0).

    `name` is a class of its module `losses`, `options` its keyword arguments (numbers, booleans, texts); `dim` and
    `classes` are given to those that ask. Its parameters, such as proxies, are trained with the network, and what it
    keeps from step to step is in `state_dict`. It gets the embeddings as they are, in float32, and most of its losses
    normalise them. Nothing is counted as active; distances are Euclidean, of unit rows. LookalikeError where the
    library is not installed, the loss is not one of its own or cannot learn from labels, an option is none, or the
    library fails.

    Musgrave et al. 2020, PyTorch Metric Learning (arXiv:2008.09164).
    """

    def __init__(self, name: str, dim: int, classes: int, **options: Any) -> None:
        super().__init__()
        self.dim = dim
        self._name, self._options = name, options
        self.loss = _made(name, {"dim": dim, "classes": classes}, options)
        _keep_tensors(self.loss)

    def forward(self, embeddings: Tensor, labels: Tensor) -> LossResult:
        """The loss of embeddings (b, dim) with labels (b,); LookalikeError for other shapes."""
        check_batch(embeddings, labels)
        check_dim(embeddings, self.dim)
        with full_precision(embeddings):
            points = rows_of(embeddings, normalise=False)
            labels = labels.to(points.device).long()
            loss = self._value(points, labels)
            _cut_graph(self.loss)
            nothing = torch.zeros((), device=points.device)
            stats = stats_of_rows(rows_of(points.detach()), Groups(labels), nothing, nothing)
            return LossResult(loss.reshape(()) + 0 * points.sum(), stats)

    def _value(self, points: Tensor, labels: Tensor) -> Tensor:
        try:
            return self.loss(points, labels)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            raise LookalikeError(
                f"loss.options = {self._options}: pml:{self._name} fails on a batch ({type(error).__name__}: "
                f"{_said(error)})"
            ) from error


def check(name: str, options: dict[str, Any]) -> None:
    """LookalikeError where `Pml` of that name and these options could not be made, or fails on a batch made up here."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own, which say nothing of this recipe
        torch.manual_seed(0)
        Pml(name, 8, 4, **options)(torch.randn(16, 8), torch.arange(16) // 4)


def names() -> list[str]:
    """The losses that can be asked for; LookalikeError where the library is not installed."""
    return sorted(name for name in _losses() if name not in UNFIT)


def _losses(asked: str = "") -> dict[str, type[nn.Module]]:
    try:
        from pytorch_metric_learning import losses
    except ImportError:
        what = f"loss.name = 'pml:{asked}': " if asked else ""
        raise LookalikeError(f"{what}pytorch-metric-learning is not installed: pip install 'lookalike[pml]'") from None
    found = inspect.getmembers(losses, lambda each: inspect.isclass(each) and issubclass(each, nn.Module))
    return {name: each for name, each in found if not name.startswith("_") and not name.endswith("Mixin")}


def _made(name: str, filled: dict[str, int], options: dict[str, Any]) -> nn.Module:
    known = _losses(name)
    if name in UNFIT:
        raise LookalikeError(f"loss.name = 'pml:{name}': {UNFIT[name]}; pml:TripletMarginLoss would work")
    if name not in known:
        close = difflib.get_close_matches(name, names(), n=3, cutoff=0.4) or names()
        raise LookalikeError(
            f"loss.name = 'pml:{name}': pytorch-metric-learning has no such loss; did you mean {', '.join(close)}?"
        )
    taken = _parameters(known[name])
    given = {key: filled[source] for key, source in _FILLED.items() if key in taken} | _checked(name, options, taken)
    missing = [key for key, needed in taken.items() if needed and key not in given]
    if missing:
        raise LookalikeError(f"loss.options.{missing[0]} is missing: pml:{name} has no default for it")
    try:
        return known[name](**given)
    except Exception as error:
        raise LookalikeError(f"loss.options = {options}: pml:{name} refuses them ({_said(error)})") from error


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _checked(name: str, options: dict[str, Any], taken: dict[str, bool]) -> dict[str, Any]:
    free = [key for key in taken if key not in _FILLED]
    for key, value in options.items():
        if key not in free:
            listed = f"they are {', '.join(free)}" if free else "it has none"
            raise LookalikeError(f"loss.options.{key} = {value!r}: pml:{name} has no such option; {listed}")
    return options


def _parameters(kind: type) -> dict[str, bool]:
    """The keyword arguments of a class and of those it passes others on to, and whether each has to be given.

    What a parent must be given is the class's own business, unless we fill it in.
    """
    found: dict[str, bool] = {}
    theirs = [each for each in kind.__mro__ if each.__module__.startswith("pytorch_metric_learning")]
    for number, each in enumerate(each for each in theirs if "__init__" in vars(each)):
        for key, parameter in inspect.signature(each).parameters.items():
            needed = parameter.default is parameter.empty
            named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
            if named and key not in _OBJECTS and (number == 0 or key in _FILLED or not needed):
                found.setdefault(key, needed)
    return found


def _cut_graph(loss: nn.Module) -> None:
    """Keep the values of its buffers alone: what one step left there would pull the next one's graph along."""
    for module in loss.modules():
        for key, tensor in module.named_buffers(recurse=False):
            module.register_buffer(key, tensor.detach())


def _keep_tensors(loss: nn.Module) -> None:
    """Make buffers of the tensors that its modules keep as plain attributes: a training goes on from buffers alone."""
    for module in loss.modules():
        for key in [key for key, value in vars(module).items() if isinstance(value, Tensor)]:
            tensor = vars(module).pop(key)
            module.register_buffer(key, tensor)
