"""`bothways demo`: the whole product beside a sandbox, as a platform's developer would use it.

It talks to both over HTTP only: the REST API, the OAuth pages and the sandbox's control paths.
"""
