from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.machine.stages import StageMeter, metered, stage


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
    with stage("encode"), stage("mel"):
        pass


def test_other_threads_are_not_metered():
    meter = StageMeter(lambda: 0)
    with metered(meter), ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: stage("decode").__enter__()).result()
    assert meter.spent == {}
