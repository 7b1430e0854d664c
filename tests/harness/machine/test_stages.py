from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.machine.stages import StageMeter, is_metered, metered, stage


def test_the_parts_add_up_to_the_whole():
    clock = iter([0.0, 1.0, 3.0, 6.0, 10.0, 15.0])
    meter = StageMeter(lambda: next(clock))
    with metered(meter):
        with stage("encode"), stage("mel"):
            pass
        with stage("rank"):
            pass
    # What lies between two stages, from 6 to 10, is nobody's.
    assert meter.spent == {"encode": 1 + 3, "mel": 2, "rank": 5}


def test_a_stage_that_fails_ends():
    clock = iter(range(10))
    meter = StageMeter(lambda: next(clock))
    with metered(meter):
        with pytest.raises(ValueError, match="no"), stage("decode"):
            raise ValueError("no")
        with stage("encode"):
            pass
    assert meter.spent == {"decode": 1, "encode": 1}


def test_nobody_meters():
    meter = StageMeter(lambda: pytest.fail("a meter that is not active is read"))
    with stage("encode"), stage("mel"):
        assert not is_metered()
    assert meter.spent == {}
    with metered(StageMeter(lambda: 0)):
        assert is_metered()
    assert not is_metered()


def test_a_stage_belongs_to_the_meter_it_began_under():
    meter = StageMeter(lambda: 0)
    with stage("encode"), metered(meter), stage("mel"):
        pass
    assert meter.spent == {"mel": 0}


def test_other_threads_are_not_metered():
    meter = StageMeter(lambda: 0)
    with metered(meter), ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: stage("decode").__enter__()).result()
    assert meter.spent == {}
