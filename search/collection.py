"""Collection, the Python face: what the shell does with the images of one folder.

torch loads when the first image arrives, faiss when the first search does.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..store.progress import Progress, silent
from .evaluating.measuring import MeasuredCollection
from .neighbours.hits import Hits
from .neighbours.queries import read_queries
from .neighbours.ready import check_k, ready_vectors

if TYPE_CHECKING:
    from .clustering.clusters import Clusters
    from .deciding.decisions import Decisions
    from .deciding.prototype_list import ClassRow


class Collection(MeasuredCollection):
    """Images as unit vectors in one folder, which can be searched, classified and measured.

    A Collection shows the version that it was opened at. It moves to the newest version when it writes, or by
    `refresh`. It is a context manager. When it is sent to another process (by multiprocessing), it is opened there at
    the same version. Make one with `create`, `open` or `open_or_create`.

    Parameters
    ----------
    store : Store
        The version to show.
    device : {"auto", "cpu", "gpu"}
        Where searches and encoders run; "auto" uses a GPU where there is one.
    encoders : Encoders, optional
        Loaded models to share with other collections.

    Examples
    --------
    >>> import tempfile, numpy as np, lookalike
    >>> folder = tempfile.TemporaryDirectory()
    >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
    >>> shop.add(np.eye(3), ["a", "b", "c"], ["cat", "cat", "dog"])
    3
    >>> hits = shop.search(np.array([0.8, 0.6, 0.0]), k=2)
    >>> [(hit.key, hit.label) for hit in hits[0]]
    [('a', 'cat'), ('b', 'cat')]
    >>> folder.cleanup()
    """

    def search(
        self, queries: Any, k: int = 10, where: str | None = None, exact: bool = False, *, normalise: bool = False
    ) -> Hits:
        """The k stored images most similar to each query, nearest first.

        Parameters
        ----------
        queries : array of shape (d,) or (nq, d), float; or one or many images or keys
            Images are files, folders, patterns such as "new/*.jpg", encoded bytes, PIL images, or uint8 pixels (h, w)
            or (h, w, c). Keys of stored images are text ("key:NAME" where a file has that name too); the key's own row
            is not among its hits.
        k : int
            Hits per query.
        where : str, optional
            An SQL condition on the stored columns, such as "label = 'shoe' and width > 200" (DuckDB, the extra `sql`).
        exact : bool
            Skip the index: compare with every stored vector.
        normalise : bool
            Bring query vectors to length 1 instead of refusing others.

        Returns
        -------
        Hits
            Rows, scores, distances, keys and labels; `hits[0]` is the list of hits of the first query.

        Raises
        ------
        LookalikeError
            For an image that cannot be read, an unknown key, another dimension, or a condition that is not understood.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.add(np.eye(3), ["a", "b", "c"], ["cat", "cat", "dog"])
        3
        >>> shop.search("a", k=1).keys()
        [['b']]
        >>> shop.search(np.array([[0.0, 0.0, 1.0]]), k=1)[0]
        [Hit(key='c', label='dog', score=1.0, distance=0.0)]
        >>> folder.cleanup()
        """
        if isinstance(queries, np.ndarray) and queries.dtype.kind == "f" and queries.ndim <= 2:
            vectors = ready_vectors(queries, self._store.dim, normalise)
            check_k(k, len(vectors), self._store.next_row)
            view = self._view
            allowed = None if where is None else view.meeting(where)
            scores, rows = view.instances.search(vectors, k, exact=exact, allowed=allowed)
            return Hits(self._store, rows, scores)
        from .neighbours.nearest import neighbours

        return neighbours(self._view, read_queries(self._view, queries, normalise=normalise), k, where, exact)

    def classify(
        self,
        queries: Any,
        by: str = "prototype",
        *,
        k: int = 10,
        weights: str = "uniform",
        exact: bool = False,
        normalise: bool = False,
        progress: Progress = silent,
    ) -> "Decisions":
        """The class of each query, or None where it is farther away than the calibrated threshold.

        Parameters
        ----------
        queries, exact, normalise
            As for `search`.
        by : {"prototype", "knn", "linear"}
            "prototype" takes the nearest class mean, "knn" a vote of the k nearest rows, "linear" the head that
            `calibrate` stored, or one that is fitted in memory.
        k : int
            Neighbours that vote, by "knn".
        weights : {"uniform", "distance"}
            How votes are weighted.
        progress : callable
            Called as progress(done, total, note) while a head is fitted.

        Returns
        -------
        Decisions
            Label or None, nearest class, distance, threshold and margin per query. Without a calibration for `by` the
            threshold is NaN and nothing is refused.

        Raises
        ------
        LookalikeError
            As for `search`, and where the collection has no labels.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.add(np.eye(3), ["a", "b", "c"], ["cat", "cat", "dog"])
        3
        >>> shop.classify(np.array([[0.0, 0.6, 0.8], [1.0, 0.0, 0.0]])).labels
        ['dog', 'cat']
        >>> folder.cleanup()
        """
        from .deciding.classify import classify

        read = read_queries(self._view, queries, normalise=normalise)
        return classify(self._view, read, by=by, k=k, weights=weights, exact=exact, progress=progress)

    def list_prototypes(self) -> "list[ClassRow]":
        """What the prototypes of each class are computed from, and which other class is nearest.

        Returns
        -------
        list of ClassRow
            One per class, sorted by name: the fields of `lookalike prototypes --json`.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.add(np.eye(3), ["a", "b", "c"], ["cat", "cat", "dog"])
        3
        >>> [(row.name, row.count, row.nearest_class) for row in shop.list_prototypes()]
        [('cat', 2, 'dog'), ('dog', 1, 'cat')]
        >>> folder.cleanup()
        """
        from .deciding.prototype_list import prototype_list

        return prototype_list(self._store, self._view.prototypes)

    def cluster(
        self,
        k: int | None = None,
        *,
        method: str | None = None,
        min_size: int | None = None,
        seed: int = 0,
        progress: Progress = silent,
    ) -> "Clusters":
        """Group similar images, whatever their labels.

        Parameters
        ----------
        k : int, optional
            The number of clusters, for k-means.
        method : {"kmeans", "hdbscan"}, optional
            "kmeans" with `k`, "hdbscan" without it by default.
        min_size : int, optional
            Smallest cluster of HDBSCAN (5).
        seed : int
            Random seed for k-means.
        progress : callable
            Called as progress(done, total, note).

        Returns
        -------
        Clusters
            The cluster of each row, with sizes, medoids and purities.

        Raises
        ------
        LookalikeError
            For an empty collection, or options that exclude each other.

        References
        ----------
        Campello, Moulavi and Sander, "Density-based clustering based on hierarchical density estimates", 2013.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.add(np.repeat(np.eye(2), 3, axis=0), list("abcdef"))
        6
        >>> [cluster.size for cluster in shop.cluster(2)]
        [3, 3]
        >>> folder.cleanup()
        """
        from .clustering.methods import Manner, cluster

        return cluster(self._store, Manner(k, method, min_size, seed), progress)
