"""An invented life: a year and today, by the day, as records that an import can take.

Each day is made from the seed, its date and the day before alone. So the same seed tells the
same life again, and tomorrow's run adds a day and changes none. Nothing in it is anybody's.

What is planted, so that it can be found again:

* Saturdays have about 2,600 steps more than other days; work, commits and meetings fall on
  Monday to Friday, drinks on Friday and Saturday.
* Each drink takes 6.5 ms off the next day's heart rate variability, adds 1.8 beats a minute to
  its resting heart rate and takes 12 minutes off the night between.
* A longer night makes a better mood on the day it ends on: one point an hour.
* A workout brings some 20 minutes more of deep sleep in the night after it.
* More coffees go with more productive time on the same day: 16 minutes a cup.
* Rain takes 1,500 steps and the runs away.
* Five days of a cold in February: resting heart rate up by 8, steps more than halved, headaches.
* Watch and phone count the same steps, the phone fewer; added up they would be far too many. The
  watch is off the wrist now and then, and only the phone knows of those hours.
* Ten days in another zone from the first Saturday of May and of October, and the days on which
  the clocks change.
* Music played, short posts and photos follow nothing at all.
"""

from __future__ import annotations

from diurnal.demo.life import HOME_ZONE, Life, items, zones
from diurnal.demo.pictures import pictures

__all__ = ["HOME_ZONE", "Life", "items", "pictures", "zones"]
