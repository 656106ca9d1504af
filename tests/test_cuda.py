"""On a GPU of NVIDIA's; skipped where there is none."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.codecs.input_clips import random_planes, write_clip
from tests.codecs.test_hardware import AV1, VP9, X264, X265, assert_alike, read
from tests.conversions import exr_light, options, video_codes
from tests.engines.pictures import frame_of, noise
from tests.network.models import random_network
from tests.temporal.clips import picture
from tests.temporal.test_denoising import noisy
from tests.temporal.test_optical_flow import moved_by
from tsexpand import replay
from tsexpand.colour.pu21 import pu21, pu21_psnr
from tsexpand.colour.transfer import pq_inverse_eotf
from tsexpand.compiled import Compilation
from tsexpand.convert import convert
from tsexpand.engines.copies import CudaCopies, arriving, settled
from tsexpand.engines.devices import Precision
from tsexpand.engines.fleet import Fleet
from tsexpand.engines.network import NetworkEngine
from tsexpand.frames import LightBatch, SignalBatch
from tsexpand.network.output import Parametrisation
from tsexpand.network.weights import Weights, load_weights
from tsexpand.temporal import denoising
from tsexpand.temporal.optical_flow import optical_flow

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")
ABSOLUTE, RELATIVE = Parametrisation.ABSOLUTE, Parametrisation.RELATIVE
SHIPPED = "baseRec_tuningStab_L1Loss"


def engine(
    weights: Weights | None = None,
    precision: Precision = Precision.AUTO,
    tile: int | None = None,
    compilation: Compilation = Compilation.ALWAYS,
    device: torch.device = GPU,
) -> NetworkEngine:
    """Ready for clips of any size."""
    weights = weights or Weights(random_network(), ABSOLUTE, "test", "", {})
    made = NetworkEngine(weights, device, precision, tile, compilation=compilation)
    made.expect(640, 360, 100)
    return made


def recorded_light(made: NetworkEngine, batch: SignalBatch) -> torch.Tensor:
    """Light on the CPU, the same to the last bit when it is called, recorded and replayed."""
    lights = [made.expand(batch).light.cpu() for _ in range(5)]
    assert all(torch.equal(light, lights[0]) for light in lights)
    return lights[0]


@pytest.mark.parametrize("precision", [Precision.FLOAT16, Precision.BFLOAT16])
@pytest.mark.parametrize(("height", "width"), [(180, 320), (97, 131), (1080, 1920)])
def test_a_picture_is_the_same_in_any_tile_and_batch(precision: Precision, height: int, width: int) -> None:
    batch = noise(3, height, width)
    whole = engine(precision=precision).expand(batch).light
    for tile in (64, 200, 1000):
        assert torch.equal(engine(precision=precision, tile=tile).expand(batch).light, whole)
    for number in range(3):
        assert torch.equal(engine(precision=precision).expand(frame_of(batch, number)).light[0], whole[number])


@pytest.mark.parametrize("compilation", [Compilation.ALWAYS, Compilation.NEVER])
def test_its_light_is_that_of_the_cpu(compilation: Compilation) -> None:
    weights, batch = load_weights(SHIPPED), noise(1, 270, 480)
    exact = engine(weights, Precision.FLOAT32, compilation=Compilation.NEVER, device=CPU).expand(batch).light
    light = recorded_light(engine(weights, compilation=compilation), batch)
    assert pu21_psnr(float((pu21(light) - pu21(exact)).square().mean())) > 60


def test_the_fast_model_is_that_of_the_cpu_in_any_batch() -> None:
    weights, batch = load_weights("fast"), noise(3, 270, 480)
    exact = engine(weights, Precision.FLOAT32, compilation=Compilation.NEVER, device=CPU).expand(batch).light
    made = engine(weights, compilation=Compilation.AUTO)
    light = recorded_light(made, batch)
    assert made.description == "fast on cuda:0, float16, tiles of 1024" and not made.notices
    assert pu21_psnr(float((pu21(light) - pu21(exact)).square().mean())) > 60
    for number in range(3):
        assert torch.equal(made.expand(frame_of(batch, number)).light[0].cpu(), light[number])


def test_auto_is_compiled_in_float16() -> None:
    quick = engine(load_weights(SHIPPED), compilation=Compilation.AUTO)
    assert quick.description == f"{SHIPPED} on cuda:0, float16, compiled, tiles of 2048" and not quick.notices


def test_relative_light() -> None:
    weights, batch = Weights(random_network(), RELATIVE, "test", "", {}), noise(2, 96, 160)
    exact = engine(weights, Precision.FLOAT32, compilation=Compilation.NEVER, device=CPU).expand(batch)
    found = recorded_light(engine(weights, compilation=Compilation.AUTO), batch)
    torch.testing.assert_close(found, exact.light, atol=0.01, rtol=0)


@pytest.fixture
def little_memory() -> Callable[[int], None]:
    replay._of_thread.give_up()  # what the tests before have recorded

    def limit(mebibytes: int) -> None:
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(
            (mebibytes << 20) / torch.cuda.get_device_properties(GPU).total_memory
        )

    yield limit
    torch.cuda.set_per_process_memory_fraction(1.0)
    replay._of_thread._gave_up = False


def test_out_of_memory_loses_no_frame(little_memory: Callable[[int], None]) -> None:
    batch = noise(2, 1080, 1920)
    expected = engine().expand(batch).light.cpu()
    short = engine()

    def found() -> torch.Tensor:
        for _ in range(4):  # until it is recorded
            short.expand(noise(1, 720, 1280))
        little_memory(1100)
        return short.expand(batch).light.cpu()

    with ThreadPoolExecutor(1) as pool:  # a thread that has given nothing up yet
        assert torch.equal(pool.submit(found).result(), expected)
    assert any("cuda:0 was short of memory" in notice for notice in short.notices)


def test_what_is_replayed_is_what_was_called(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Denoised, so that all that is ever recorded is; the clip is of fewer frames than one batch."""
    for name, trials in (("replayed", 1), ("called", 1000)):
        monkeypatch.setattr(replay, "_TRIALS", trials)
        convert(options(clip, tmp_path / f"{name}.mkv", tmp_path / name, batch_size=2), engine())
    assert torch.equal(exr_light(tmp_path / "replayed"), exr_light(tmp_path / "called"))


def on_gpu(batch: LightBatch) -> LightBatch:
    return replace(batch, light=batch.light.to(GPU))


@pytest.mark.parametrize("size", [(1080, 1920), (187, 331)])
def test_motion_by_kernels_is_that_of_the_operations(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded and replayed, too: the clip has many frames that have as many neighbours."""
    first, other = (picture.contiguous().to(GPU) for picture in moved_by(3.5, -1.25, *size))
    kernels = denoising._kernels(GPU)
    assert not denoising.denoising_notices(GPU)
    flow = kernels.optical_flow(first, other)
    assert flow.abs().max() > 1
    torch.testing.assert_close(flow, optical_flow(first, other), rtol=0, atol=2e-3)
    one = picture(5, size=(size[0], size[1] + 24))
    pan = torch.stack([one[..., x : x + size[1]] for x in range(0, 24, 3)])
    whole = on_gpu(noisy(pan, 0.7))
    lights = {}
    for name, module in (("kernels", kernels), ("operations", None)):
        monkeypatch.setattr(denoising, "_on_gpu", lambda device, module=module: (module, ()))
        replay._of_thread.give_up()
        replay._of_thread._gave_up = False
        lights[name] = torch.cat([batch.light for batch in denoising.denoise([whole])])
    replay._of_thread.give_up()
    replay._of_thread._gave_up = False
    signals = [pq_inverse_eotf(light) for light in (*lights.values(), whole.light)]
    assert (signals[0] - signals[2]).abs().mean() > 1e-4
    assert (signals[0] - signals[1]).abs().max() < 5e-4
    assert (signals[0] - signals[1]).abs().mean() < 2e-6


def test_copies_are_whole() -> None:
    copies = CudaCopies(GPU)
    batches = [noise(2, 256, 256, seed) for seed in range(8)]
    came = settled((copies.down(batch.planes[0].int() * 2) for batch in arriving(batches, copies)), copies)
    for found, batch in zip(came, batches, strict=True):
        assert torch.equal(found, batch.planes[0].int() * 2)


def test_a_fleet_is_one_engine() -> None:
    batches = [frame_of(noise(6, 90, 160), number) for number in range(6)]
    alone = [batch.light.cpu() for batch in engine().stream(batches)]
    shared = [batch.light.cpu() for batch in Fleet([engine(), engine()]).stream(batches)]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(shared, alone, strict=True))


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_each_device_has_its_own() -> None:
    """What is recorded on the second as what is called."""
    batches = [noise(1, 90, 160, seed) for seed in range(6)]
    expected = [engine().expand(batch).light.cpu() for batch in batches]
    second = engine(device=torch.device("cuda:1"))
    assert all(torch.equal(second.expand(b).light.cpu(), e) for b, e in zip(batches, expected, strict=True))
    shown = [replace(b, light=b.light.to("cuda:1")) for b in (second.expand(b) for b in batches[:3])]
    steady = [b.light.cpu() for b in denoising.denoise([replace(b, light=b.light.to(GPU)) for b in shown])]
    assert all(torch.equal(b.light.cpu(), s) for b, s in zip(denoising.denoise(shown), steady, strict=True))
    fleet = Fleet([engine(), engine(device=torch.device("cuda:1"))])
    assert all(torch.equal(b.light.cpu(), e) for b, e in zip(fleet.stream(batches), expected, strict=True))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    write_clip(path, [random_planes("yuv420p", 320, 180, seed) for seed in range(7)], codec="libx264")
    return path


def test_a_conversion_is_the_same_in_any_batch(clip: Path, tmp_path: Path) -> None:
    """Denoised and smoothed; as EXR and as HDR10."""
    for size in (1, 3, 7):
        outputs = tmp_path / f"{size}.mkv", tmp_path / str(size)
        convert(options(clip, *outputs, batch_size=size, smooth=True), engine())
        assert torch.equal(exr_light(tmp_path / str(size)), exr_light(tmp_path / "1"))
        ours, first = video_codes(tmp_path / f"{size}.mkv"), video_codes(tmp_path / "1.mkv")
        assert all((a == b).all() for a, b in zip(ours, first, strict=True))


def test_a_conversion_is_that_of_the_cpu(clip: Path, tmp_path: Path) -> None:
    weights = load_weights(SHIPPED)
    for device in (CPU, GPU):
        precision = Precision.FLOAT32 if device == CPU else Precision.AUTO
        compilation = Compilation.NEVER if device == CPU else Compilation.ALWAYS
        made = engine(weights, precision, compilation=compilation, device=device)
        convert(options(clip, tmp_path / device.type), made)
    lights = [203 * exr_light(tmp_path / device.type).clamp_min(0) for device in (CPU, GPU)]
    assert pu21_psnr(float((pu21(lights[1]) - pu21(lights[0])).square().mean())) > 55


@pytest.mark.parametrize(
    ("encoder", "pixel_format"),
    [(X264, "yuv420p"), (X265, "yuv420p10le"), (X265, "yuv420p"), (VP9, "yuv420p")],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
@pytest.mark.parametrize(("width", "height"), [(320, 180), (1920, 1080)])
def test_a_clip_is_decoded_to_the_last_bit(
    tmp_path: Path, encoder: tuple[str, dict[str, str]], pixel_format: str, width: int, height: int
) -> None:
    path = tmp_path / "clip.mkv"
    pictures = [random_planes(pixel_format, width, height, seed) for seed in range(12 if width < 1000 else 3)]
    write_clip(path, pictures, pixel_format, encoder[0], options=encoder[1], audio_seconds=[0.4])
    info, batches = read(path, hardware=GPU)
    plain, expected = read(path)
    assert info.notices == plain.notices
    assert all(plane.is_cuda for batch in batches for plane in batch.planes)
    on_cpu = [
        type(batch)(tuple(p.cpu() for p in batch.planes), batch.signal, batch.timings, batch.packets)
        for batch in batches
    ]
    assert_alike(on_cpu, expected)


def test_what_the_gpu_does_not_decode_goes_on_in_software(tmp_path: Path) -> None:
    """AV1, of which PyAV 18.1 does not get a picture (its issue 1690)."""
    write_clip(tmp_path / "clip.mkv", [random_planes("yuv420p", 320, 180)] * 3, codec=AV1[0], options=AV1[1])
    info, batches = read(tmp_path / "clip.mkv", hardware=GPU)
    plain, expected = read(tmp_path / "clip.mkv")
    (notice,) = set(info.notices) - set(plain.notices)
    assert notice.startswith("Decoded in software, not on the GPU: it does not take this stream")
    assert_alike(batches, expected)


def test_a_conversion_that_never_leaves_the_gpu(clip: Path, tmp_path: Path) -> None:
    """But for what is written."""
    for name, device in (("software", None), ("hardware", GPU)):
        convert(options(clip, tmp_path / name, hardware=device), engine())
    assert torch.equal(exr_light(tmp_path / "hardware"), exr_light(tmp_path / "software"))
    info, batches = read(clip, hardware=GPU)
    assert not [notice for notice in info.notices if "software" in notice]
    assert all(plane.is_cuda for batch in batches for plane in batch.planes)
