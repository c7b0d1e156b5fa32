"""Story 36: a node runs the old and the new face model side by side, and guests enrol anew as they come."""

import asyncio

import pytest

from tests.fakes.changing_node import LANE, ChangingNode


@pytest.mark.story("36b")
def test_old_and_new_run_side_by_side_and_guests_enrol_anew_as_they_come(tmp_path):
    at = ChangingNode(tmp_path, people=("ada", "bo", "eve"), known=("ada", "bo"))

    async def story() -> None:
        await at.starts()
        assert at.wanted == [{LANE}]

        # Somebody of the old model is let in by it, and asked; nothing is made of the pictures at the door.
        assert await at.walks_up("ada") == "granted"
        assert at.models == ["yunet-sface"]
        assert at.lone.shown.index("welcome") < at.lone.shown.index("enrol_anew")
        assert (at.model_of("ada"), at.node.models.status()["left"]) == ("yunet-sface", 2)

        # At the enrolment step the new model takes them, and the old template goes with its receipt.
        await at.enrols("ada")
        assert [kind for kind in at.lone.kinds if kind.startswith("sys.")] == ["sys.erased", "sys.enrolled"]
        assert (at.model_of("ada"), at.model_of("bo")) == ("synthetic", "yunet-sface")
        assert await at.walks_up("ada") == "granted"
        assert (at.models, "enrol_anew" in at.lone.shown) == (["synthetic"], False)

        # Side by side: the other guest still enters by the old one, and whoever is enrolled with neither by none.
        assert await at.walks_up("bo") == "granted"
        assert at.models == ["yunet-sface"]
        assert await at.walks_up("eve") == "denied"

        # The last one enrols: the old model has nobody, is told so to its worker, and looks at nobody any more.
        await at.enrols("bo")
        assert (at.wanted[-1], at.old.closed) == (None, True)
        at.forget()
        await at.node.retire_model()
        (gone,) = at.lone.facts
        assert (gone.type, gone.x) == ("sys.model_retired", {"engine": "yunet-sface", "erased": 0})
        looks = at.old.embedded
        assert (await at.walks_up("bo"), at.models, at.old.embedded) == ("granted", ["synthetic"], looks)

    asyncio.run(story())
    at.ends()


@pytest.mark.story("36b")
def test_on_its_day_the_old_model_goes_with_what_is_left_of_it_and_the_code_goes_on(tmp_path):
    at = ChangingNode(tmp_path, people=("ada", "bo"), known=("ada", "bo"), until_ms=0)

    async def story() -> None:
        await at.starts()
        await at.enrols("ada")
        at.forget()
        await at.node.retire_model()
        await at.node.retire_model()  # a second round finds nothing to do and says nothing
        erased, retired = at.lone.facts
        assert (erased.type, erased.pass_id) == ("sys.erased", "P-bo")
        assert (retired.type, retired.x["erased"]) == ("sys.model_retired", 1)
        assert (at.model_of("bo"), at.old.closed) == ("none", True)
        assert await at.walks_up("bo") == "denied"
        assert await at.walks_up("ada") == "granted"

    asyncio.run(story())
    at.ends()
