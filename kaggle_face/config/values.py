"""Value types of the settings (ranges, counts, times) and the base class of their parts."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Strict

MOST = 10**9
"""The largest count: products of two of them are exact in a float and fit int64."""

LONGEST = 1e6
"""The longest time, in epochs, hours or minutes: what is made of it stays a finite number of steps."""

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Time = Annotated[float, Field(gt=0.0, le=LONGEST)]
TimeOrZero = Annotated[float, Field(ge=0.0, le=LONGEST)]
Count = Annotated[int, Field(ge=1, le=MOST)]
CountOrZero = Annotated[int, Field(ge=0, le=MOST)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Decay = Annotated[float, Field(ge=0.0, lt=1.0)]
Names = Annotated[tuple[str, ...], Strict(False)]
Times = Annotated[tuple[Time, ...], Strict(False)]


class Part(BaseModel):
    """A frozen part of the settings that refuses unknown keys, wrong types and infinite numbers."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=()
    )
