"""`tsexpand dataset`: fetching, developing and preparing scenes for training."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import InputError
from .parameters import OneOrMore

if TYPE_CHECKING:
    from ..datasets.polyhaven import Asset, FetchReport
    from ..datasets.prepare import PrepareReport, SceneReport

POLYHAVEN_API = "https://api.polyhaven.com"
_Folder = click.Path(path_type=Path, file_okay=False)
_ExistingFolder = click.Path(path_type=Path, file_okay=False, exists=True)


@click.group("dataset")
def dataset_command() -> None:
    """Get and prepare HDR scenes to train on.

    \b
    tsexpand dataset polyhaven hdris/ --number 50     panoramas of Poly Haven, CC0
    tsexpand dataset raw bursts/ photographs/         camera raws, HDR+ for instance, to EXR
    tsexpand dataset prepare hdris/ photographs/ set/ resized, checked, split into train/ and val/
    """


@dataset_command.command("polyhaven")
@click.argument("output", type=_Folder, required=False)
@click.option("--list", "only_list", is_flag=True, help="Show what fits, download nothing.")
@click.option("--category", "categories", multiple=True, help="Such as outdoor or night; of several, all must fit.")
@click.option("--name", default="*", show_default=True, help="Pattern of the id, with * and ?.")
@click.option("--number", type=click.IntRange(1), help="The first so many, by id; all without it.")
@click.option("--resolution", type=click.Choice(["1k", "2k", "4k"]), default="1k", show_default=True)
@click.option("--format", "kind", type=click.Choice(["exr", "hdr"]), default="exr", show_default=True)
@click.option(
    "--api", default=POLYHAVEN_API, show_default=True, metavar="URL", help="Of a server that speaks the same."
)
def polyhaven_command(
    output: Path | None,
    only_list: bool,
    categories: tuple[str, ...],
    name: str,
    number: int | None,
    resolution: str,
    kind: str,
    api: str,
) -> int:
    """Download HDRI panoramas of Poly Haven (polyhaven.com) into OUTPUT.

    They are CC0. URL, licence, authors, MD5 and size of each are recorded in OUTPUT/SOURCES.csv. Run it again to go
    on where it stopped; what is there is kept.
    """
    from ..datasets.polyhaven import Choice, fetch, list_assets
    from ..datasets.web import Client

    if output is None and not only_list:
        raise click.UsageError("Missing argument 'OUTPUT' (or --list).")
    client, choice = Client(), Choice(categories, name, number, resolution, kind)
    assets = list_assets(client, choice, api)
    if output is None or only_list:
        for asset in assets:
            click.echo(listing_line(asset))
        click.echo(f"{len(assets)} HDRIs of Poly Haven (polyhaven.com), CC0", err=True)
        return 0
    click.echo(f"{len(assets)} HDRIs of Poly Haven (polyhaven.com), CC0", err=True)
    report = fetch(client, assets, choice, output, api, _show)
    click.echo(fetch_line(report, output), err=True)
    return InputError.exit_code if report.failed else 0


def listing_line(asset: "Asset") -> str:
    """An HDRI, for people: id, authors, categories; tab-separated."""
    return "\t".join([ascii(asset.id)[1:-1], asset.authors, ", ".join(asset.categories)])


def fetch_line(report: "FetchReport", output: Path) -> str:
    """What became of the downloads."""
    return (
        f"{output}: {len(report.fetched)} downloaded, {len(report.kept)} there before, {len(report.failed)} failed;"
        " recorded in SOURCES.csv"
    )


@dataset_command.command("raw")
@click.argument("folder", type=_ExistingFolder)
@click.argument("output", type=_Folder)
@click.option("--half-size", is_flag=True, help="One pixel for each 2x2 of the sensor: fast, no interpolation.")
@click.option("--overwrite", is_flag=True, help="Replace pictures that exist.")
def raw_command(folder: Path, output: Path, half_size: bool, overwrite: bool) -> int:
    """Develop the camera raws in FOLDER and below to linear EXR in OUTPUT.

    \b
    For the HDR+ bursts (hdrplusdata.org): the merged.dng of each burst becomes BURST.exr.
    Needs rawpy: pip install rawpy.

    Camera white balance, BT.709 primaries, nothing brightened; 1.0 is where the sensor clips, shifted by a DNG's
    BaselineExposure.
    """
    from ..datasets.camera_raw import develop_folder

    report = develop_folder(folder, output, half_size, overwrite, _show)
    counts = f"{len(report.written)} written, {len(report.kept)} there before, {len(report.failed)} failed"
    click.echo(f"{output}: {counts}", err=True)
    return InputError.exit_code if report.failed else 0


@dataset_command.command("prepare")
@click.argument("folders", cls=OneOrMore, nargs=-1, required=True, type=_ExistingFolder, metavar="FOLDER...")
@click.argument("output", type=_Folder)
@click.option(
    "--width",
    type=click.IntRange(32, 16384),
    default=1024,
    show_default=True,
    help="Of panoramas; of the longer side of photographs. Smaller ones stay as they are.",
)
@click.option(
    "--val-share",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.1,
    show_default=True,
    help="Of the families of scenes, for validation.",
)
@click.option("--json", "as_json", is_flag=True, help="The report as JSON on stdout instead of the table.")
def prepare_command(folders: tuple[Path, ...], output: Path, width: int, val_share: float, as_json: bool) -> int:
    """Make a training set of the .exr and .hdr pictures in FOLDERs.

    OUTPUT gets train/ and val/, SOURCES.csv (carried over from beside the pictures) and report.json. Scenes of one
    place (aristea_wreck, aristea_wreck_puresky) go to the same side, always the same. Run it again to go on.
    """
    from ..datasets.prepare import prepare

    report = prepare(folders, output, width, val_share, _show)
    click.echo(json.dumps(report.values()) if as_json else "\n".join(prepare_table(report)))
    for line in prepare_notices(report):
        click.echo(line, err=True)
    return InputError.exit_code if report.failed else 0


def prepare_table(report: "PrepareReport") -> list[str]:
    """A line for each scene."""
    wide = max(len(scene.name) for scene in report.scenes)
    head = f"{'scene':{wide}}  {'size':>9}  {'stops':>5}  {'max/median':>10}  notes"
    return [head, *(_row(scene, wide) for scene in report.scenes)]


def _row(scene: "SceneReport", wide: int) -> str:
    facts, bad = scene.facts, scene.facts.scrubbed
    notes = [*facts.flags] + ([] if facts.panorama else ["photograph"])
    if bad.any:
        notes.append(f"{bad.not_a_number} NaN, {bad.too_large} too large, {bad.negative} negative")
    size = f"{facts.width}x{facts.height}"
    row = f"{scene.name:{wide}}  {size:>9}  {facts.stops:5.1f}  {facts.max_over_median:10.1f}  {', '.join(notes)}"
    return row.rstrip()


def prepare_notices(report: "PrepareReport") -> list[str]:
    """What to look at, and the counts."""
    sides = {scene.name: scene.side for scene in report.scenes}
    lines = [
        f"alike: {a} and {b} ({alike:.3f})" + (", on both sides of the split" if sides[a] != sides[b] else "")
        for a, b, alike in report.near_duplicates
    ]
    if report.strangers:
        lines.append(f"not of these folders, but there: {', '.join(report.strangers)}")
    unknown = sum(not scene.has_source for scene in report.scenes)
    if unknown:
        lines.append(f"{unknown} scenes without a row in a SOURCES.csv: their origin and licence are not on record")
    train = sum(side == "train" for side in sides.values())
    flagged = sum(bool(scene.facts.flags) for scene in report.scenes)
    counts = f"{train} train, {len(sides) - train} val, {flagged} flagged, {len(report.failed)} failed"
    if train in (0, len(sides)):
        counts += "; one side is empty, try another --val-share"
    return [*lines, counts]


def _show(name: str, state: str) -> None:
    """A line for what is done or failed; none for what was there."""
    if state != "kept":
        click.echo(f"{name}: {state}" if state in ("fetched", "written") else f"Error: {state}", err=True)
