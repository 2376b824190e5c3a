"""Garbage collection: the bytes of objects that no branch shows any more are removed; their commits stay."""

from local_stack.lakefs_standin.store import Store


def collect_garbage(store: Store, repository_name: str) -> int:
    """Remove the bytes of the repository's committed objects that no branch refers to; how many there were.

    As with a retention of no time at all. Tags protect nothing, as on a lakeFS server, and commits keep their
    metadata and listings; reading an object of theirs that was removed is answered with 410 by REST and with 404
    NoSuchVersion by the gateway. A copy by REST shares the bytes of its source, so every repository's branches count.

    Raises RequestError 404 where there is no such repository.
    """
    repository = store.repository(repository_name)
    with repository.lock:
        kept = {address for each in store.repositories().values() for address in each.branch_addresses()}
        removed = [address for address in repository.committed_addresses() - kept if store.blobs.holds(address)]
        for address in removed:
            store.blobs.remove(address)
    return len(removed)
