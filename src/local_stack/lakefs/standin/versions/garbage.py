"""Garbage collection: the bytes of objects that no branch shows any more are removed; their commits stay."""

from local_stack.lakefs.standin.versions.store import Store


def collect_garbage(store: Store, repository_name: str) -> int:
    """Remove the bytes of the repository's committed objects that no branch refers to; how many there were.

    As with a retention of no time at all. Tags protect nothing, as on a lakeFS server, and commits keep their
    metadata and listings; reading an object of theirs that was removed is answered with 410 by REST and with 404
    NoSuchVersion by the gateway. A copy has bytes of its own.

    Raises RequestError 404 where there is no such repository.
    """
    repository = store.repository(repository_name)
    with repository.lock:
        unused = repository.committed_addresses() - repository.branch_addresses()
        removed = [address for address in unused if store.blobs.holds(address)]
        for address in removed:
            store.blobs.remove(address)
    return len(removed)
