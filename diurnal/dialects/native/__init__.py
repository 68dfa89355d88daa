"""The native API, `/api/v1`: a superset of what the other dialects can say.

Every endpoint is declared once; routes, the OpenAPI document and the authorization table of the
tests are made of the declarations.
"""

from __future__ import annotations

from diurnal.dialects import Dialect
from diurnal.dialects.native import (
    account,
    admin,
    analyses,
    audit,
    clients,
    connections,
    consents,
    credentials,
    days,
    endpoint,
    events,
    experiments,
    files,
    findings,
    goals,
    imports,
    insights,
    live,
    measures,
    openapi,
    ownership,
    passkeys,
    placeholders,
    previews,
    profile,
    push,
    registration,
    second_factor,
    security,
    series,
    sessions,
    shares,
    source_order,
    streams,
    tokens,
)
from diurnal.dialects.native.endpoint import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = (
    # Routes are tried in this order: what is asked most comes first.
    *events.ENDPOINTS,
    *files.ENDPOINTS,
    *series.ENDPOINTS,
    *days.ENDPOINTS,
    *findings.ENDPOINTS,
    *insights.ENDPOINTS,
    *goals.ENDPOINTS,
    *analyses.ENDPOINTS,
    *experiments.ENDPOINTS,
    *imports.ENDPOINTS,
    *connections.ENDPOINTS,
    *push.ENDPOINTS,
    *previews.ENDPOINTS,
    *live.ENDPOINTS,
    *streams.ENDPOINTS,
    *measures.ENDPOINTS,
    *source_order.ENDPOINTS,
    *account.ENDPOINTS,
    *credentials.ENDPOINTS,
    *profile.ENDPOINTS,
    *registration.ENDPOINTS,
    *security.ENDPOINTS,
    *passkeys.ENDPOINTS,
    *second_factor.ENDPOINTS,
    *admin.ENDPOINTS,
    *tokens.ENDPOINTS,
    *audit.ENDPOINTS,
    *clients.ENDPOINTS,
    *consents.ENDPOINTS,
    *shares.ENDPOINTS,
    *ownership.ENDPOINTS,
    *placeholders.ENDPOINTS,
    *sessions.ENDPOINTS,
    *openapi.ENDPOINTS,
)

DIALECT = Dialect(
    name="native",
    title="Diurnal",
    prefix="/api/v1",
    statuses=endpoint.STATUSES,
    app=lambda ctx: endpoint.application(ctx, ENDPOINTS),
    routes=tuple(f"{e.method} {e.path}" for e in ENDPOINTS),
)
