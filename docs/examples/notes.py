"""Write a note and a mood, and read all notes of the year back."""

import os
from datetime import UTC, datetime

from diurnal.client import Client, Refused

with Client(os.environ["DIURNAL_URL"], os.environ["DIURNAL_TOKEN"]) as client:
    today = os.environ["DIURNAL_TODAY"]
    now = datetime.fromisoformat(today + "T12:00:00").replace(tzinfo=UTC)
    note = {"streamIds": ["diurnal-note"], "type": "note/txt", "time": now, "content": "Sun."}
    client.add_events([note])
    client.say_day("mood", today, 8)
    for event in client.every_event(measures=["note"], limit=100):
        print(event["localDate"], event["content"])
    try:
        client.say_day("no_such_measure", today, 1)
    except Refused as refused:
        print("Refused:", refused.code)
