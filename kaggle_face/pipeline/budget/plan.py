"""The plan of a run within a time budget: the rung, networks, epochs, and the time of each stage.

What a network takes is images times seconds an image, measured at the first and the full size of the images.
The largest rung is taken of which the budget buys at least three quarters of the images of all its networks;
time beyond goes to epochs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from kaggle_face.config import Config
from kaggle_face.errors import part_of
from kaggle_face.pipeline.budget.demand import Demand
from kaggle_face.pipeline.budget.estimates import NEARLY_ALL, Known
from kaggle_face.pipeline.budget.ladder import Rung
from kaggle_face.pipeline.budget.networks import name_of_network, networks_in_words
from kaggle_face.pipeline.budget.settings import image_size_for
from kaggle_face.pipeline.budget.trial import NetworkRates
from kaggle_face.tasks import Purpose
from kaggle_face.train.optim.image_sizes import image_size_at

GOOD_SHARE, LEAST_SHARE = 0.75, 0.25
"""Of a rung's images: with less another rung is taken; with less than the other nothing is begun."""
_MOST_OF_IMAGES = 1.5
"""A training sees at most so many times the images of its rung."""
MARGIN, LEAST_MARGIN_SECONDS = 0.04, 4.0
"""Of the budget, kept for what nobody foresees."""
_ROUNDED_DOWN = 0.1
"""Of an epoch: a training is shortened by so much rather than given another epoch."""
_SLOWER = 1.1
"""How much longer a training takes than its trial (reading, states, logs), at first."""
_NETWORK_SECONDS, _PREDICT_SECONDS, _WRITE_SECONDS = 3.0, 2.0, 2.0
"""What starting a training, predicting and writing CSVs take whatever the number of images."""
_EMBEDDINGS_OF_NETWORK = 1.5
"""Times that a network embeds what is held out: its last epoch without mirror images, its records with."""
_BLEND_SECONDS, _BLEND_A_TRIAL, _BLEND_A_LOGIT = 3.0, 3e-4, 4e-7
"""Of choosing a blend: whatever the size, for each trial, and for each image and class."""
_MEAN_OF_BLEND = 0.3
"""The time of a plain mean as a share of that of a blend that is chosen."""
_MEAN_OF_KNOWN = 0.6
"""The same of what blending took before, which held both, starts and checks included."""
_BLEND_SHARE = 0.05
"""Of the budget, that choosing a blend and evaluating it may take; a plain mean leaves it to the training."""
_TTA_SHARE = 0.02
"""Of the budget, that measuring more test-time augmentation may take."""
_CROPS = 5
_FEWEST_EPOCHS = 3
"""Of a training from scratch with a margin that docs/recipes.md has figures of."""


@dataclass(frozen=True)
class Stage:
    """A stage of a plan: its name, its time, and its work."""

    name: str
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Plan:
    """The plan for a budget.

    Attributes:
        rung: The recipe.
        purpose: The task that it was chosen for.
        config: The settings of the training.
        length: Epochs of a network that fit, with their fraction.
        networks: How many are trained; `most_networks` if there is time left.
        most_networks: How many the rung, the rules and the split allow.
        budget_seconds: The whole budget.
        stages: In their order, a margin at the end.
        num_parameters: Of one network.
        records_seconds: Of a network beyond its steps.
        rates: What the network takes on this machine.
        expected: The scores that are known of it with about so many images, or why none are.
        why_not_larger: Why the next larger rung was not taken, and which the rules forbid.
        tries_tta: Whether more test-time augmentation is measured.
        chooses_blend: Whether weights and post-processing are chosen on held-out data; else it is a mean.
        is_changed: Whether a person changed the settings, so that figures of the rung are not theirs.
        train_images: Images that a network is trained on.
    """

    rung: Rung
    purpose: Purpose
    config: Config
    length: float
    networks: int
    most_networks: int
    budget_seconds: float
    stages: tuple[Stage, ...]
    num_parameters: int
    records_seconds: float
    rates: NetworkRates
    expected: str
    why_not_larger: tuple[str, ...]
    tries_tta: bool
    chooses_blend: bool
    is_changed: bool
    train_images: int

    @property
    def caution(self) -> str:
        """A line where nothing is known of a margin in so few epochs; else empty."""
        if self.config.model.head == "linear" or self.length >= _FEWEST_EPOCHS:
            return ""
        return (
            f"whether a margin pays in {self.length:.1f} epochs is not known: the fewest that were measured "
            f"from scratch are {_FEWEST_EPOCHS} (docs/recipes.md)"
        )

    @property
    def networks_in_words(self) -> str:
        """How many networks are trained, and what they differ in."""
        return networks_in_words(self.config, self.networks)

    @property
    def images_per_second(self) -> float:
        """The rate that the training was planned with, over all sizes of its images."""
        return 1.0 / seconds_of_training_image(self.config, self.rates)


def budget_in_words(seconds: float) -> str:
    """A budget as it was given, unlike a duration that is rounded.

    >>> [budget_in_words(seconds) for seconds in (18, 330, 5400, 9000)]
    ['18 s', '5.5 min', '90 min', '2.5 h']
    """
    if seconds < 60.0:
        return f"{seconds:.4g} s"
    return f"{seconds / 60.0:.4g} min" if seconds < 7200.0 else f"{seconds / 3600.0:.4g} h"


@dataclass(frozen=True)
class Budget:
    """The seconds of a run, and those that are spent before anything is measured."""

    seconds: float
    spent: float = 0.0

    @property
    def margin(self) -> float:
        """The seconds kept in reserve."""
        return max(LEAST_MARGIN_SECONDS, MARGIN * self.seconds)


@dataclass(frozen=True)
class Candidate:
    """A rung with its measured rates.

    Attributes:
        rung: The recipe.
        config: Its settings for the competition, with the rung's own number of images.
        demand: What the data demands.
        known: What earlier runs took and reached.
        rates: What its network takes.
        decoding_seconds: Of all images.
        images: That each network of the rung sees.
        most_networks: That the rung, the rules and the split allow.
        settings_with: The settings with another number of epochs; None where they are fixed.
        is_changed: Whether a person changed the settings, so that figures of the rung are not theirs.
    """

    rung: Rung
    config: Config
    demand: Demand
    known: Known
    rates: NetworkRates
    decoding_seconds: float
    images: int
    most_networks: int
    settings_with: Callable[[int], Config] | None
    is_changed: bool = False

    @property
    def seconds_of_image(self) -> float:
        """The seconds of a training image, over all sizes, with the overhead of a training over its trial."""
        slower = self.known.slower or _SLOWER
        return slower * seconds_of_training_image(self.config, self.rates)

    @property
    def network_seconds(self) -> float:
        """The seconds of one network with all of the rung's images."""
        return self.images * self.seconds_of_image + self.records_seconds

    def network_seconds_of(self, rung: Rung, images: int | None = None) -> float:
        """The seconds of a network of another rung, by its number of operations and the rate of this one.

        Args:
            rung: The other one.
            images: That it sees; None: as many times those of this one as the two are made for.
        """
        made_for = self.rung.images * self.rung.networks / self.most_networks
        more = rung.images / made_for if images is None else images / self.images
        own, other = (operations_of_image(each, self.demand.side_px) for each in (self.rung, rung))
        return more * other / own * (self.network_seconds - self.records_seconds) + self.records_seconds

    @property
    def records_seconds(self) -> float:
        """The seconds of a network beyond its steps."""
        embedding = self.rates.embedding_seconds * self.demand.held_out_images
        return _NETWORK_SECONDS + _EMBEDDINGS_OF_NETWORK * embedding

    @property
    def predict_seconds(self) -> float:
        """The seconds of predicting the test set with one network."""
        return _PREDICT_SECONDS + self.rates.embedding_seconds * self.demand.test_images

    @property
    def choice_seconds(self) -> float:
        """The seconds of choosing a blend, or of the metrics with intervals, by the size of the data."""
        logits = self.demand.held_out_images * self.demand.num_classes
        return _BLEND_SECONDS + _BLEND_A_TRIAL * self.demand.trials + _BLEND_A_LOGIT * logits

    def blending_seconds(self, chooses: bool, networks: int = 1) -> float:
        """The seconds of the CSVs of a mean, and where there is time of a blend chosen after them.

        Folds together are one member of a blend, networks of other seeds are one each.
        """
        members = networks if self.demand.num_folds == 1 else 1
        mean = _MEAN_OF_BLEND * self.choice_seconds + _WRITE_SECONDS
        estimate = mean + (members * self.choice_seconds + _WRITE_SECONDS if chooses else 0.0)
        if self.known.blend_seconds is None:
            return estimate
        return max(mean, members * self.known.blend_seconds * (1.0 if chooses else _MEAN_OF_KNOWN))

    def evaluating_seconds(self, chooses: bool) -> float:
        """The seconds of the metrics on held-out data with their intervals, where there is time for them."""
        return self.choice_seconds if chooses else 0.0

    def fixed_seconds(self, networks: int, chooses_blend: bool = True) -> float:
        """The seconds of everything but the steps of the trainings and the margin."""
        blend = self.blending_seconds(chooses_blend, networks)
        early = self.predict_seconds + self.blending_seconds(False) if networks > 1 else 0.0
        of_networks = networks * (self.records_seconds + self.predict_seconds)
        return self.decoding_seconds + of_networks + early + blend + self.evaluating_seconds(chooses_blend)

    def seconds_for(self, networks: int, images: float) -> float:
        """The seconds of the whole run without the margin."""
        return self.fixed_seconds(networks) + networks * images * self.seconds_of_image

    def least_seconds(self) -> float:
        """The seconds of the smallest run that is begun, without the margin."""
        return self.fixed_seconds(1, False) + LEAST_SHARE * self.images * self.seconds_of_image

    def images_within(self, budget: Budget, networks: int, chooses_blend: bool = True) -> float:
        """The images that each of a number of networks can see; negative where not even the rest fits."""
        left = budget.seconds - budget.spent - budget.margin - self.fixed_seconds(networks, chooses_blend)
        return left / networks / self.seconds_of_image

    def share(self, budget: Budget, networks: int = 1) -> float:
        """The share of the rung's images that each of a number of networks can see."""
        return self.images_within(budget, networks, chooses_blend=False) / self.images

    def is_bought(self, budget: Budget, networks: int | None = None) -> bool:
        """Whether each of a number of networks can see enough of the rung's images; None: all that pay."""
        return self.share(budget, networks or self.most_networks) >= GOOD_SHARE

    def expected(self, images: float, networks: int) -> str:
        """The known scores of so many networks that see about as many images, or why there are none."""
        if self.is_changed:
            return "not known: the settings are not those of the recipe"
        if found := self.known.scores_of(self.rung.name, images):
            return found
        if not self.rung.is_measured:
            return self.rung.measured
        if networks < self.rung.networks:
            return f"not known: {part_of(networks, self.rung.networks, 'network', 'are trained')}"
        share = images / self.rung.seen
        if share >= NEARLY_ALL:
            return self.rung.measured
        return f"not known: {100 * share:.0f} % of the images that the recipe was measured with"

    def plan(self, purpose: Purpose, budget: Budget, reasons: tuple[str, ...]) -> Plan:
        """The plan with this rung."""
        counts = range(1, self.most_networks + 1)
        networks = max((each for each in counts if self.is_bought(budget, each)), default=1)
        choosing = self.fixed_seconds(networks) - self.fixed_seconds(networks, False)
        chooses_blend = (
            choosing <= _BLEND_SHARE * budget.seconds
            and self.images_within(budget, networks) >= GOOD_SHARE * self.images
        )
        possible = self.images_within(budget, networks, chooses_blend)
        tta = (_CROPS - 1) * networks * self.rates.embedding_seconds
        tta *= self.demand.held_out_images + self.demand.test_images
        without = possible - tta / networks / self.seconds_of_image
        tries_tta = chooses_blend and tta < _TTA_SHARE * budget.seconds and without > self.images
        possible = without if tries_tta else possible
        length = min(possible, _MOST_OF_IMAGES * self.images) / self.demand.train_images
        config = self.config
        if self.settings_with is not None:
            config = self.settings_with(max(1, math.ceil(length - _ROUNDED_DOWN)))
        length = min(length, float(config.train.epochs))
        training = length * self.demand.train_images * self.seconds_of_image
        return Plan(
            rung=self.rung,
            purpose=purpose,
            config=config,
            length=length,
            networks=networks,
            most_networks=self.most_networks,
            budget_seconds=budget.seconds,
            stages=self._stages(budget, networks, training, chooses_blend, tta if tries_tta else 0.0),
            num_parameters=self.rates.num_parameters,
            records_seconds=self.records_seconds,
            rates=self.rates,
            expected=self.expected(length * self.demand.train_images, networks),
            why_not_larger=reasons,
            tries_tta=tries_tta,
            chooses_blend=chooses_blend,
            is_changed=self.is_changed,
            train_images=self.demand.train_images,
        )

    def _stages(
        self, budget: Budget, networks: int, training: float, chooses_blend: bool, tta: float
    ) -> tuple[Stage, ...]:
        demand = self.demand
        trained = [
            Stage(
                name_of_network(self.config, number),
                training + self.records_seconds,
                f"{training / self.seconds_of_image:,.0f} images",
            )
            for number in range(networks)
        ]
        blend = self.blending_seconds(chooses_blend, networks)
        how = "weights and post-processing chosen on held-out data" if chooses_blend else "a plain mean"
        evaluating = self.evaluating_seconds(chooses_blend)
        if networks > 1:
            early = self.predict_seconds + self.blending_seconds(False)
            trained.insert(1, Stage("first CSV", early, "of fold 0 alone, in case"))
        return (
            Stage("measure", budget.spent, "trials on this machine"),
            Stage("decode", self.decoding_seconds, f"{demand.all_images:,} images"),
            *trained,
            Stage("predict", networks * self.predict_seconds + tta, f"{demand.test_images:,} images"),
            Stage("blend", blend, f"{how}, in checked CSVs"),
            *([Stage("evaluate", evaluating, "metrics with intervals")] if evaluating else []),
            Stage("margin", budget.margin, "kept for what nobody foresees"),
        )


def operations_of_image(rung: Rung, side_px: int) -> float:
    """Of a forward pass in millions, at the mean size of the training images of pictures of a size."""
    size_px = rung.config.data.image_size
    return rung.mflops * rung.pixels_share * (image_size_for(rung, side_px) / size_px) ** 2


def seconds_of_training_image(config: Config, rates: NetworkRates) -> float:
    """The mean over the epochs of settings, whose images grow."""
    train, full = config.train, config.data.image_size
    first = train.start_image_size or full
    epochs = range(train.epochs)
    shares = [(image_size_at(train, full, epoch) / full) ** 2 for epoch in epochs]
    first_share = (first / full) ** 2
    if first_share >= 1.0:
        return rates.full_seconds
    slope = (rates.full_seconds - rates.first_seconds) / (1.0 - first_share)
    return sum(rates.full_seconds - slope * (1.0 - share) for share in shares) / len(shares)
