"""Food and drink."""

from __future__ import annotations

from diurnal.catalog._names import ev, family, hk, named
from diurnal.model.measures import Daily, Measure, Shape, ValueKind

FAMILY = family("food", "Food and drink", "health")


def _nutrient(
    key: str,
    label: str,
    unit: str,
    high: float,
    *,
    apple: str,
    health_connect: str,
    exist: str | None = None,
) -> Measure:
    """Return a nutrient: eaten amounts of a mass, summed by day."""
    names = {
        "pryv": named(f"mass/{unit}", unit=unit),
        "personicle": ev(f"Food.{key}", unit=unit),
        "apple_health": hk("Dietary" + apple, unit=unit),
        "health_connect": named("Nutrition." + health_connect, unit="g"),
    }
    if exist is not None:
        names["exist"] = named(exist, unit=unit)
    return Measure(
        key=key,
        label=label,
        group="food",
        unit=unit,
        shape=Shape.EVENT,
        daily=Daily.SUM,
        low=0,
        high=high,
        names=names,
    )


MEASURES = (
    Measure(
        key="meal",
        label="Meals",
        group="food",
        unit="1",
        shape=Shape.EVENT,
        daily=Daily.COUNT,
        value=ValueKind.OBJECT,
        low=0,
        high=50,
        names={
            "pryv": named("note/txt", "activity/plain", "picture/attached"),
            "personicle": ev("Food"),
            "apple_health": named("HKCorrelationTypeIdentifierFood"),
            "health_connect": named("Nutrition"),
        },
    ),
    Measure(
        key="energy_intake",
        label="Energy eaten",
        group="food",
        unit="kcal",
        shape=Shape.EVENT,
        daily=Daily.SUM,
        low=0,
        high=20_000,
        names={
            "pryv": named("energy/kcal", unit="kcal"),
            "exist": named("energy", unit="kJ"),
            "personicle": ev("Food.energy", unit="kcal"),
            "apple_health": hk("DietaryEnergyConsumed", unit="kcal"),
            "health_connect": named("Nutrition.energy", unit="cal"),
        },
    ),
    Measure(
        key="water",
        label="Water",
        group="food",
        unit="mL",
        shape=Shape.EVENT,
        daily=Daily.SUM,
        low=0,
        high=20_000,
        names={
            "pryv": named("volume/ml", unit="mL"),
            "exist": named("water", unit="mL"),
            "personicle": ev("Water", unit="mL"),
            "apple_health": hk("DietaryWater", unit="mL"),
            "health_connect": named("Hydration.volume", unit="L"),
        },
    ),
    _nutrient(
        "caffeine",
        "Caffeine",
        "mg",
        5_000,
        apple="Caffeine",
        health_connect="caffeine",
        exist="caffeine",
    ),
    Measure(
        key="coffees",
        label="Coffees",
        group="food",
        unit="1",
        shape=Shape.EVENT,
        daily=Daily.SUM,
        low=0,
        high=50,
        names={
            "pryv": named("count/generic", unit="1"),
            "exist": named("coffees", unit="1"),
            "personicle": ev("Coffee", unit="1"),
        },
    ),
    Measure(
        key="alcoholic_drinks",
        label="Alcoholic drinks",
        group="food",
        unit="1",
        shape=Shape.EVENT,
        daily=Daily.SUM,
        low=0,
        high=100,
        names={
            "pryv": named("count/generic", unit="1"),
            "exist": named("alcoholic_drinks", unit="1"),
            "personicle": ev("AlcoholicDrink", unit="1"),
            "apple_health": hk("NumberOfAlcoholicBeverages", unit="1"),
            "health_connect": named("AlcoholConsumption", unit="1"),
        },
    ),
    _nutrient(
        "carbohydrates",
        "Carbohydrates",
        "g",
        3_000,
        apple="Carbohydrates",
        health_connect="totalCarbohydrate",
        exist="carbohydrates",
    ),
    _nutrient("fat", "Fat", "g", 2_000, apple="FatTotal", health_connect="totalFat", exist="fat"),
    _nutrient(
        "fibre", "Fibre", "g", 500, apple="Fiber", health_connect="dietaryFiber", exist="fibre"
    ),
    _nutrient(
        "protein", "Protein", "g", 2_000, apple="Protein", health_connect="protein", exist="protein"
    ),
    _nutrient("sugar", "Sugar", "g", 2_000, apple="Sugar", health_connect="sugar", exist="sugar"),
    _nutrient(
        "sodium", "Sodium", "mg", 50_000, apple="Sodium", health_connect="sodium", exist="sodium"
    ),
    _nutrient(
        "cholesterol",
        "Cholesterol eaten",
        "mg",
        20_000,
        apple="Cholesterol",
        health_connect="cholesterol",
        exist="cholesterol",
    ),
    _nutrient(
        "fat_saturated",
        "Saturated fat",
        "g",
        1_000,
        apple="FatSaturated",
        health_connect="saturatedFat",
    ),
    _nutrient(
        "potassium", "Potassium", "mg", 50_000, apple="Potassium", health_connect="potassium"
    ),
    _nutrient("calcium", "Calcium", "mg", 20_000, apple="Calcium", health_connect="calcium"),
    _nutrient("iron", "Iron", "mg", 2_000, apple="Iron", health_connect="iron"),
    _nutrient(
        "magnesium", "Magnesium", "mg", 20_000, apple="Magnesium", health_connect="magnesium"
    ),
    _nutrient("zinc", "Zinc", "mg", 2_000, apple="Zinc", health_connect="zinc"),
    _nutrient("vitamin_c", "Vitamin C", "mg", 50_000, apple="VitaminC", health_connect="vitaminC"),
)
