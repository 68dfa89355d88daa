"""What the invented life is told in: places, notes, posts, music, work."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """Somewhere; degrees."""

    name: str
    latitude: float
    longitude: float


HOME = Place("Home, Weaver Lane", 54.4012, 9.9105)
OFFICE = Place("The office by the lock", 54.4075, 9.9242)
TOWN = (
    Place("Harbour café", 54.4101, 9.9287),
    Place("Old Mill library", 54.4049, 9.9161),
    Place("Quarry Lake", 54.3921, 9.8967),
    Place("Saturday market", 54.4063, 9.9178),
    Place("Lantern cinema", 54.4057, 9.9203),
    Place("Alder wood", 54.3878, 9.9312),
    Place("Bakery at the bridge", 54.4038, 9.9149),
    Place("Climbing hall", 54.4122, 9.9051),
)
AWAY = {
    "Asia/Tokyo": (
        Place("Guest house by the canal", 35.6852, 139.7988),
        Place("Paper museum", 35.7509, 139.7381),
        Place("Garden with the long pond", 35.6937, 139.7965),
        Place("Noodle bar under the tracks", 35.6744, 139.7631),
        Place("Lookout on the hill", 35.6250, 139.2437),
    ),
    "America/Halifax": (
        Place("Room above the boat shed", 44.6440, -63.5681),
        Place("Lighthouse path", 44.4920, -63.9187),
        Place("Fish market", 44.6478, -63.5709),
        Place("Museum of the sea", 44.6476, -63.5702),
        Place("Cranberry bog", 44.7012, -63.6690),
    ),
}
GOOD = (
    "Slept well and it showed.",
    "Everything went its way today.",
    "Long talk on the quay, came home light.",
    "Finished the thing I had been putting off.",
    "Sun on the water the whole morning.",
)
MIDDLING = (
    "A day like others.",
    "Busy, but it went by.",
    "Could have gone out more.",
    "Fine. Early night.",
)
BAD = (
    "Tired from the start.",
    "Could not get going.",
    "Rain, meetings, rain.",
    "Short night, long day.",
)
NOTES = (
    "Ask about the bike's rear wheel.",
    "The heron is back at the lock.",
    "Recipe: leeks, barley, a lot of lemon.",
    "Return the two books before the weekend.",
    "Idea: label the seed jars by month of sowing.",
    "First frost on the bridge.",
    "The choir is short of altos.",
    "Bring the ladder back next door.",
)
POSTS = (
    "The ferry bell has a new tone and half the town is talking about it.",
    "Today's loaf rose. That is the post.",
    "Is there a nicer sound than rain on a tin roof, seen from inside?",
    "Read a whole chapter standing in the market queue.",
    "Fog so thick that the harbour café came as a surprise.",
    "Three runs this week. My knees have written a letter.",
    "Learning to whistle with two fingers; neighbours divided.",
)
TRACKS = (
    ("The Lantern Rooms", "Slow Tide", "Harbour Songs"),
    ("The Lantern Rooms", "Salt on the Sill", "Harbour Songs"),
    ("Northern Static", "Pylons", "Substation"),
    ("Northern Static", "Hum", "Substation"),
    ("Quiet Arithmetic", "Carry the One", "Long Division"),
    ("Quiet Arithmetic", "Remainders", "Long Division"),
    ("Alder & Ash", "Windfall", "Orchard Year"),
    ("Alder & Ash", "Ladder Song", "Orchard Year"),
    ("Tin Roof Choir", "Rain Round", "Six Voices"),
    ("Paper Boats", "Upstream", "Small Craft"),
    ("Paper Boats", "Lock and Weir", "Small Craft"),
    ("Ninth Platform", "Last Train North", "Timetable"),
)
COMMITS = (
    "Read the tide tables once, not per request",
    "Round the height at the edge only",
    "Name the stations as the charts do",
    "Test the hour that comes twice",
    "Drop the cache nobody asked for",
    "Say which station failed",
    "Keep what the gauge sent",
    "Draw the curve in the reader's zone",
)
REPOSITORIES = ("tide-tables", "gauge-reader", "chart-paper")
MEETINGS = (
    ("Stand-up", 15),
    ("Tide tables: what next", 45),
    ("Review with the harbour office", 60),
    ("Pairing", 90),
    ("Gauge visit", 120),
)
EVENINGS = (("Choir practice", 105), ("Dinner with neighbours", 150), ("Cinema", 135))
SKIES = {
    "clear-day": "Clear all day",
    "partly-cloudy-day": "Clouds and sun by turns",
    "cloudy": "Overcast",
    "rain": "Rain now and then",
    "snow": "Snow",
}
APPS = ("Editor", "Terminal", "Mail", "Browser", "Charts")
