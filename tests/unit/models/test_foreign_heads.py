"""Models from elsewhere in the place of heads: run here as ONNX files of 100 kB with random weights."""

import random
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.brand import Brand
from domain.errors import Misconfigured
from domain.reading import Reading
from models.calibration import softmax
from models.heads import HEADS
from models.hub.classifier import open_classifier
from models.hub.heads import open_head, open_topics
from models.hub.reader import compose
from models.hub.spec import HeadModel, Source, TopicModel
from models.reader import load_reader

DATA = Path(__file__).parents[2] / "data"
OURS = {"LABEL_0": "negative", "LABEL_1": "neutral", "LABEL_2": "positive"}
FLAGS = {"grief": "yes", "colère": "1", "calme": "0"}
TEXTS = ["Mon colis n'est toujours pas arrivé", "ok", "well done " * 40, "Why did my bill go up?", "🔥🔥", "merci"]
NAMED = Brand(name="Hirondelle")


def source(name: str) -> Source:
    return Source(name, root=DATA)


def sentiment(**changes: Any) -> HeadModel:
    return HeadModel(source("tiny-sentiment"), **{"labels": OURS, **changes})


def flags(**changes: Any) -> HeadModel:
    return HeadModel(source("tiny-flags"), **{"labels": FLAGS, **changes})


def nli(**changes: Any) -> HeadModel:
    return HeadModel(source("tiny-nli"), zero_shot=True, **changes)


def topics(**changes: Any) -> TopicModel:
    return TopicModel(source("tiny-nli"), **{"labels": ("packaging", "shop staff", "ecology"), **changes})


def read(texts: list[str], brand: Brand = NAMED, **heads: HeadModel) -> list[Reading]:
    return compose(load_reader(), heads).read(texts, brand)


class TestLabels:
    def test_the_models_numbers_are_its_own_under_our_names(self) -> None:
        logits = open_classifier(DATA / "tiny-sentiment").logits(TEXTS, max_tokens=64)
        turned = {"LABEL_0": "positive", "LABEL_1": "neutral", "LABEL_2": "negative"}
        found = open_head("sentiment", sentiment(labels=turned)).probabilities(TEXTS)
        assert found == pytest.approx(softmax(logits)[:, ::-1])

    def test_several_labels_for_one_of_ours_are_added_up(self) -> None:
        logits = open_classifier(DATA / "tiny-sentiment").logits(TEXTS, max_tokens=64)
        both = open_head("ironic", sentiment(labels={"LABEL_0": "yes", "LABEL_1": "yes", "*": "no"}))
        assert both.probabilities(TEXTS)[:, 1] == pytest.approx(softmax(logits)[:, :2].sum(axis=1))

    def test_independent_labels_are_not_added_up_and_end_in_one_probability(self) -> None:
        found = open_head("complaint", flags()).probabilities(TEXTS)
        assert found.sum(axis=1) == pytest.approx(np.ones(len(TEXTS)))
        alone = open_head("complaint", flags(labels={"*": "yes"})).probabilities(TEXTS)
        logits = open_classifier(DATA / "tiny-flags").logits(TEXTS, max_tokens=64)
        assert alone[:, 1] == pytest.approx((1 / (1 + np.exp(-logits))).max(axis=1))

    def test_a_higher_temperature_is_less_sure(self) -> None:
        cold, warm = (open_head("sentiment", sentiment(temperature=t)).probabilities(TEXTS) for t in (1, 4))
        assert (warm.max(axis=1) < cold.max(axis=1)).all()

    @pytest.mark.parametrize(
        ("labels", "told"),
        [
            ({}, "reading.heads.sentiment: labels: say which of .* LABEL_0, LABEL_1, LABEL_2"),
            ({"LABEL_0": "negative", "LABEL_2": "positive"}, "these labels of the model are: LABEL_1"),
            ({"*": "negative"}, "stands for neutral, positive"),
            ({**OURS, "LABLE_1": "neutral"}, "no label 'LABLE_1', did you mean 'LABEL_1'"),
            ({**OURS, "LABEL_1": "meh"}, "LABEL_1 = 'meh' is not one of negative, neutral, positive"),
        ],
    )
    def test_a_label_that_is_missing_or_wrong_is_named(self, labels: dict[str, str], told: str) -> None:
        with pytest.raises(Misconfigured, match=told):
            open_head("sentiment", sentiment(labels=labels))

    def test_a_flag_needs_a_label_for_yes(self) -> None:
        with pytest.raises(Misconfigured, match=r"reading\.heads\.ironic: .* stands for yes"):
            open_head("ironic", flags(labels={"*": "no"}))


class TestZeroShot:
    def test_a_choice_weighs_its_hypotheses_against_each_other(self) -> None:
        found = open_head("intent", nli()).probabilities(TEXTS)
        assert found.shape == (len(TEXTS), 13)
        assert found.sum(axis=1) == pytest.approx(np.ones(len(TEXTS)))

    def test_a_flag_weighs_entailment_against_contradiction(self) -> None:
        logits = open_classifier(DATA / "tiny-nli").logits(["ok"], ["It is rude."], max_tokens=256)
        found = open_head("ironic", nli(hypothesis="It is {}.", labels={"yes": "rude"})).probabilities(["ok"])
        assert found[0, 1] == pytest.approx(softmax(logits[:, [2, 0]])[0, 1])

    def test_the_text_of_a_label_is_taken_as_it_stands(self) -> None:
        words = {"yes": "{0.__class__} {} %s"}
        assert open_head("ironic", nli(labels=words)).probabilities(["ok"]).shape == (1, 2)

    @pytest.mark.parametrize(
        ("head", "model", "told"),
        [
            ("about_brand", nli(), "labels: say in a few words what these mean, for the hypothesis: yes"),
            ("language", nli(labels={"fr": "French"}), "hypothesis: en, de, es"),
            ("intent", nli(labels={"deliveri": "a parcel"}), "'deliveri' is not one of outage, delivery"),
            ("intent", nli(hypothesis="word " * 300 + "{}"), "leaves no room for the text in 256 tokens"),
            ("ironic", HeadModel(source("tiny-flags"), zero_shot=True), "NLI model .* this one has grief, colère"),
        ],
    )
    def test_what_cannot_be_asked_is_told(self, head: str, model: HeadModel, told: str) -> None:
        with pytest.raises(Misconfigured, match=rf"reading\.heads\.{head}: .*{told}"):
            open_head(head, model)

    def test_topics_are_kept_from_their_threshold_on(self) -> None:
        every = compose(load_reader(), {}, topics(threshold=0)).read(TEXTS, NAMED)
        assert all(tuple(one.topics) == ("packaging", "shop staff", "ecology") for one in every)
        some = compose(load_reader(), {}, topics(threshold=0.5)).read(TEXTS, NAMED)
        wanted = [{label: value for label, value in one.topics.items() if value >= 0.5} for one in every]
        assert [one.topics for one in some] == wanted
        assert any(wanted)
        assert any(label not in one for one in wanted for label in topics().labels)
        assert [one.as_dict().get("topics", {}) for one in some] == wanted

    def test_no_topic_is_found_in_nothing(self) -> None:
        assert "topics" not in compose(load_reader(), {}, topics(threshold=0)).read([" "], NAMED)[0].as_dict()

    def test_topics_say_where_they_are_set(self) -> None:
        with pytest.raises(Misconfigured, match=r"reading\.topics: .*NLI model"):
            open_topics(TopicModel(source("tiny-sentiment"), ("packaging",)))


class TestReading:
    def test_without_models_the_reader_is_itself(self) -> None:
        assert compose(load_reader(), {}) is not None
        assert type(compose(load_reader(), {})) is type(load_reader())

    def test_only_the_named_heads_change(self) -> None:
        plain = load_reader().read(TEXTS, NAMED)
        found = read(TEXTS, sentiment=sentiment(), complaint=flags())
        assert [one.sentiment for one in found] != [one.sentiment for one in plain]
        assert [one.flags["complaint"] for one in found] != [one.flags["complaint"] for one in plain]
        for one, other in zip(found, plain, strict=True):
            assert (one.intent, one.language, one.entities) == (other.intent, other.language, other.entities)
            assert {**one.flags, "complaint": 0} == {**other.flags, "complaint": 0}

    def test_the_name_tells_which_models_read(self) -> None:
        plain = load_reader().name
        alone = read(["ok"], sentiment=sentiment())[0].model
        assert alone.startswith(f"{plain}+sentiment:tiny-sentiment~")
        assert read(["ok"], sentiment=sentiment(temperature=2))[0].model != alone
        many = read(["ok"], sentiment=sentiment(), intent=nli(), complaint=flags(), ironic=flags(), urgency=nli())
        assert many[0].model.startswith(f"{plain}+5 models~")

    def test_doubt_and_emptiness_go_to_a_person(self) -> None:
        assert "sentiment" in read(["ok"], sentiment=sentiment(abstain=1))[0].abstain
        assert "sentiment" not in read(["ok"], sentiment=sentiment(abstain=0))[0].abstain
        assert read([" "], sentiment=sentiment())[0].abstain == HEADS

    def test_a_brand_without_a_name_still_hears_everything(self) -> None:
        assert read(["le printemps"], Brand(), about_brand=flags())[0].flags["about_brand"] == 1
        assert read(["le printemps"], NAMED, about_brand=flags())[0].flags["about_brand"] < 1

    def test_a_reading_does_not_depend_on_its_batch_mates(self) -> None:
        alone = {text: read([text], sentiment=sentiment(), intent=nli())[0] for text in TEXTS}
        mixed = random.Random(3).choices(TEXTS, k=40)
        for text, one in zip(mixed, read(mixed, sentiment=sentiment(), intent=nli()), strict=True):
            assert one.sentiment.probabilities == pytest.approx(alone[text].sentiment.probabilities, abs=2e-4)
            assert one.intent.probabilities == pytest.approx(alone[text].intent.probabilities, abs=2e-4)

    @pytest.mark.parametrize(
        "text", ["word " * 500_000, "\0\ud800\udfff" * 1000, "(" * 20_000, "‮\u200d" * 9000, "[MASK]</s>"]
    )
    def test_no_text_breaks_it(self, text: str) -> None:
        one = compose(load_reader(), {"sentiment": sentiment(), "complaint": flags()}, topics()).read([text], NAMED)[0]
        assert sum(one.sentiment.probabilities.values()) == pytest.approx(1, abs=2e-4)


class TestSession:
    def test_a_process_loads_a_model_once_for_all_heads_and_threads(self) -> None:
        found: list[object] = []
        threads = [
            threading.Thread(target=lambda: found.append(open_classifier((DATA / "tiny-flags").resolve())))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        assert len({id(one) for one in found}) == 1

    def test_threads_share_it_without_harm(self) -> None:
        head = open_head("sentiment", sentiment())
        wanted, found = head.probabilities(TEXTS), []
        threads = [threading.Thread(target=lambda: found.append(head.probabilities(TEXTS))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        assert all(one == pytest.approx(wanted) for one in found)

    def test_a_long_text_is_cut_to_what_was_asked_for_and_to_what_the_model_takes(self) -> None:
        classifier = open_classifier(DATA / "tiny-sentiment")
        assert classifier.longest == 64
        lengths = [len(row["input_ids"]) for row in classifier._encode(["mon colis " * 500], None, 20)]
        assert lengths == [20]
        cut, whole = (classifier.logits(["mon colis " * 500 + end], max_tokens=9999) for end in ("", "merci"))
        assert cut == pytest.approx(whole)
