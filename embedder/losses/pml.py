"""Any loss of pytorch-metric-learning, by its name (extra `pml`); the only file that imports the library."""

import inspect
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from ...store.checks import did_you_mean
from ...store.errors import LookalikeError
from .batch import check_batch, check_dim, full_precision, rows_of
from .result import LossResult, stats_of_rows
from .triplets.groups import Groups

UNFIT = {
    "BaseMetricLossFunction": "it is the base class of the losses",
    "GenericPairLoss": "it is a base class of losses",
    "BaseLossWrapper": "it wraps another loss",
    "CrossBatchMemory": "it wraps another loss",
    "MultipleLosses": "it combines other losses",
    "SelfSupervisedLoss": "it wraps another loss",
    "ManifoldLoss": "it does not use labels",
    "VICRegLoss": "it does not use labels",
}
"""Losses that cannot learn from embeddings and labels alone, and why."""
_FILLED = {"num_classes": "classes", "embedding_size": "dim", "descriptors_dim": "dim"}
_OBJECTS = {"distance", "reducer", "collect_stats", "weight_init_func"} | {
    f"{kind}_{what}" for kind in ("embedding", "weight") for what in ("regularizer", "reg_weight")
}


class Pml(nn.Module):
    """A loss of pytorch-metric-learning, called with embeddings (b, dim) of floats and labels (b,) of integers from 0.

    The loss gets the embeddings as they are, in float32; most of the library's losses normalise them. Its parameters,
    such as proxies, are trained with the network, and its state between steps is in `state_dict`. Nothing is counted as
    active; the distances of the batch are Euclidean distances of unit rows.

    Parameters
    ----------
    name : a class of the library's module `losses`.
    dim : the length of an embedding, passed to the losses that need it.
    classes : the number of classes, passed to the losses that need it.
    options : keyword arguments of the class (numbers, booleans, texts).

    Raises
    ------
    LookalikeError : if the library is not installed, if it has no such loss, if the loss cannot learn from labels, for
        an unknown option, or if the library fails.

    Notes
    -----
    Musgrave et al. 2020, PyTorch Metric Learning (arXiv:2008.09164).

    Examples
    --------
    >>> from lookalike.embedder.losses.pml import Pml
    >>> loss = Pml("NTXentLoss", dim=64, classes=10, temperature=0.1)  # doctest: +SKIP
    """

    def __init__(self, name: str, dim: int, classes: int, **options: Any) -> None:
        super().__init__()
        self.dim = dim
        self._name, self._options = name, options
        self.loss = _made(name, {"dim": dim, "classes": classes}, options)
        _keep_tensors(self.loss)

    def forward(self, embeddings: Tensor, labels: Tensor) -> LossResult:
        """The loss of embeddings (b, dim) with labels (b,). Raises LookalikeError for other shapes."""
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
                f"loss.options = {self._options}: pml:{self._name} fails on a batch: {type(error).__name__}: "
                f"{_said(error)}"
            ) from error


def check(name: str, options: dict[str, Any]) -> None:
    """Raises LookalikeError if `Pml` cannot be created with this name and these options, or fails on a small batch."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's warnings are not about this recipe
        torch.manual_seed(0)
        Pml(name, 8, 4, **options)(torch.randn(16, 8), torch.arange(16) // 4)


def names() -> list[str]:
    """The names of the losses that can be used. Raises LookalikeError if the library is not installed."""
    return sorted(name for name in _losses() if name not in UNFIT)


def _losses(name: str = "") -> dict[str, type[nn.Module]]:
    try:
        from pytorch_metric_learning import losses
    except ImportError:
        what = f"loss.name = 'pml:{name}': " if name else ""
        raise LookalikeError(f"{what}pytorch-metric-learning is not installed: pip install 'lookalike[pml]'") from None
    classes = inspect.getmembers(losses, lambda each: inspect.isclass(each) and issubclass(each, nn.Module))
    return {name: each for name, each in classes if not name.startswith("_") and not name.endswith("Mixin")}


def _made(name: str, filled: dict[str, int], options: dict[str, Any]) -> nn.Module:
    known = _losses(name)
    if name in UNFIT:
        raise LookalikeError(f"loss.name = 'pml:{name}': {UNFIT[name]}; use another, such as pml:TripletMarginLoss")
    if name not in known:
        near = did_you_mean(name, names(), cutoff=0.4) or f": its losses are {', '.join(names())}"
        raise LookalikeError(f"loss.name = 'pml:{name}': pytorch-metric-learning has no loss {name!r}{near}")
    taken = _parameters(known[name])
    given = {key: filled[source] for key, source in _FILLED.items() if key in taken} | _checked(name, options, taken)
    missing = [key for key, needed in taken.items() if needed and key not in given]
    if missing:
        raise LookalikeError(f"loss.options.{missing[0]} is missing: pml:{name} needs it")
    try:
        return known[name](**given)
    except Exception as error:
        raise LookalikeError(f"loss.options = {options}: pml:{name} refuses them: {_said(error)}") from error


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _checked(name: str, options: dict[str, Any], taken: dict[str, bool]) -> dict[str, Any]:
    free = [key for key in taken if key not in _FILLED]
    for key, value in options.items():
        if key not in free:
            listed = f"its options are {', '.join(free)}" if free else "it has no options"
            raise LookalikeError(f"loss.options.{key} = {value!r}: pml:{name} has no option {key!r}; {listed}")
    return options


def _parameters(kind: type) -> dict[str, bool]:
    """The keyword arguments of a class and of its base classes, and whether each is required.

    Arguments that a base class requires are up to the class itself, unless we fill them in.
    """
    required: dict[str, bool] = {}
    theirs = [each for each in kind.__mro__ if each.__module__.startswith("pytorch_metric_learning")]
    for number, each in enumerate(each for each in theirs if "__init__" in vars(each)):
        for key, parameter in inspect.signature(each).parameters.items():
            needed = parameter.default is parameter.empty
            named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
            if named and key not in _OBJECTS and (number == 0 or key in _FILLED or not needed):
                required.setdefault(key, needed)
    return required


def _cut_graph(loss: nn.Module) -> None:
    """Detach the buffers: values left by one step would otherwise pull its graph into the next one."""
    for module in loss.modules():
        for key, tensor in module.named_buffers(recurse=False):
            module.register_buffer(key, tensor.detach())


def _keep_tensors(loss: nn.Module) -> None:
    """Turn tensors that the modules store as plain attributes into buffers, which a resumed training restores."""
    for module in loss.modules():
        for key in [key for key, value in vars(module).items() if isinstance(value, Tensor)]:
            tensor = vars(module).pop(key)
            module.register_buffer(key, tensor)
