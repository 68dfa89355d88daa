"""Ask a CalDAV server for what a calendar holds."""

from __future__ import annotations

from collections.abc import Iterator

from diurnal.connectors import Http, Window

_QUERY = (
    '<c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">'
    "<d:prop><c:calendar-data/></d:prop>"
    '<c:filter><c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT">'
    '<c:time-range start="{start}" end="{end}"/>'
    "</c:comp-filter></c:comp-filter></c:filter></c:calendar-query>"
)
"""https://www.rfc-editor.org/rfc/rfc4791#section-7.8"""


def calendars(http: Http, url: str, window: Window) -> Iterator[bytes]:
    """Yield the calendars, one for each event, that touch a window.

    Raises:
        ValueError: the server speaks no CalDAV.
    """
    from lxml import etree  # here: every import of a file loads all connectors

    answer = http.send(
        "REPORT",
        url,
        text=_QUERY.format(start=_stamp(window.start_text), end=_stamp(window.end_text)),
        headers={"Depth": "1", "Content-Type": "application/xml; charset=utf-8"},
    )
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(answer.body, parser)
    except etree.XMLSyntaxError as e:
        raise ValueError("neither a calendar nor CalDAV is at this address") from e
    for found in root.iter("{urn:ietf:params:xml:ns:caldav}calendar-data"):
        if found.text:
            yield found.text.encode()


def _stamp(instant: str) -> str:
    return instant.replace("-", "").replace(":", "")
