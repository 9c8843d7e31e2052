"""Notebook 10: attention of a small transformer, beside what asks no network and a network that has learned nothing."""

from functools import cache
from itertools import islice
from typing import Any

from torch import Tensor

from experiments import files
from experiments.claims.claim import Claim, Found, found
from experiments.transformers import METHODS, SEEDS, trained, trainings
from vislib import controls, data, faithfulness, sanity
from vislib.attention import attention
from vislib.course import results
from vislib.course import transformers as course
from vislib.data import ImageSet
from vislib.models import Classifier
from vislib.sanity import randomised

WHERE = "10_transformers"
SCENES = [1, 2, 3, 4, 5]  # seeds of new pictures
BLOCKS = [0, 1, 2, 3]
TRAININGS = [0, *SEEDS]  # 0 is the network of the notebook

PLAIN = ["attention.shares"]


@cache
def asked(task: str, training: int, scenes: int) -> tuple[Classifier, ImageSet]:
    """Return a transformer of a task, and 36 new pictures with its labels."""
    return trained(task, training), data.shapes(36, seed=100 + scenes, label=task, device="cpu")


def _masks(scenes: int) -> Tensor:
    masks = asked("object", 0, scenes)[1].masks
    assert masks is not None
    return masks


def _inside(heat: Tensor, scenes: int) -> float:
    """Return which share of the maps lies on the object, as a multiple of the object's share of the picture."""
    masks = _masks(scenes)
    return course.inside({"": heat}, masks)[""] / float(masks.float().mean())


@cache
def _attention(task: str, training: int, scenes: int, block: int) -> float:
    model, pictures = asked(task, training, scenes)
    return _inside(attention(model, pictures.images, pictures.labels, block=block), scenes)


def lies(training: int, scenes: int, block: int) -> Found:
    """The trained network's attention has more than twice its even share on the object; an untrained one's has not."""
    model, pictures = asked("object", training, scenes)
    random = course.untrained(model, pictures.images, seed=scenes)
    rival = _inside(attention(random, pictures.images, pictures.labels, block=block), scenes)
    own = _attention("object", training, scenes, block)
    return found(own > 2, rival > 2, trained=own, untrained=rival)


def task(training: int, scenes: int, block: int) -> Found:
    """The texture network's attention has at most 1.3 times its even share on the object; the object network's has more."""
    texture, rival = (_attention(name, training, scenes, block) for name in ("texture", "object"))
    return found(texture < 1.3, rival < 1.3, texture=texture, object=rival)


def brief(training: int) -> Found:
    """In its first block a network of the object, trained as briefly as one of the texture, has over three times its share."""
    row = results.stored("transformers_brief").set_index("seed").loc[training]
    own, rival = float(row.block_0 / row.even), _attention("texture", training, SCENES[0], 0)
    return found(own > 3, rival > 3, object=own, texture=rival, accuracy=float(row.accuracy))


@cache
def _maps(method: str, training: int, scenes: int, offset: int = 0) -> Tensor:
    model, pictures = asked("object", training, scenes)
    return METHODS[method](model, pictures.images, (pictures.labels + offset) % 6)


def beaten(training: int, scenes: int) -> Found:
    """The relevance has a larger share on the object than the attention of the last block; the edges have not."""
    last = _inside(_maps("attention", training, scenes), scenes)
    own, rival = (_inside(_maps(name, training, scenes), scenes) for name in ("relevance", "edges"))
    return found(own > last, rival > last, own=own, edges=rival, attention=last)


def centred(method: str, training: int, scenes: int) -> Found:
    """Drawn about the middle of what each token sees, the map has more on the object; the gradient, so moved, has less."""
    before = {name: _maps(name, training, scenes) for name in (method, "gradient")}
    gained = {name: _inside(course.recentred(heat), scenes) / _inside(heat, scenes) for name, heat in before.items()}
    return found(gained[method] > 1.05, gained["gradient"] > 1.05, own=gained[method], gradient=gained["gradient"])


def late(training: int, scenes: int) -> Found:
    """With a random head and two random blocks before it, rollout correlates above 0.8 with what it was; attention does not."""
    model, pictures = asked("object", training, scenes)
    _, random = next(islice(randomised(model, pictures.images, seed=scenes), 2, None))
    own, rival = (
        float(
            sanity.spearman(
                METHODS[name](random, pictures.images, pictures.labels), _maps(name, training, scenes)
            ).mean()
        )
        for name in ("rollout", "attention")
    )
    return found(own > 0.8, rival > 0.8, rollout=own, attention=rival)


def weights(method: str, training: int, scenes: int) -> Found:
    """With random weights the map correlates below 0.5 with what it was; an edge filter draws the same."""
    model, pictures = asked("object", training, scenes)
    random = course.untrained(model, pictures.images, seed=scenes)
    again = METHODS[method](random, pictures.images, pictures.labels)
    edges = controls.sobel(random, pictures.images, pictures.labels)
    own, rival = (
        float(sanity.spearman(now, _maps(name, training, scenes)).mean())
        for now, name in ((again, method), (edges, "edges"))
    )
    return found(own < 0.5, rival < 0.5, alike=own, edges=rival)


def deaf(method: str, offset: int, training: int, scenes: int) -> Found:
    """Asked about another class, the method draws the same map; the relevance draws another."""
    far, rival = (
        float((_maps(name, training, scenes) - _maps(name, training, scenes, offset)).abs().max())
        for name in (method, "relevance")
    )
    return found(far < 1e-6, rival < 1e-6, own=far, relevance=rival)


def headless(method: str, training: int, scenes: int) -> Found:
    """With a random head the method draws the same map; the relevance draws another."""
    model, pictures = asked("object", training, scenes)
    _, random = next(randomised(model, pictures.images, seed=scenes))
    far, rival = (
        float((_maps(name, training, scenes) - METHODS[name](random, pictures.images, pictures.labels)).abs().max())
        for name in (method, "relevance")
    )
    return found(far < 1e-6, rival < 1e-6, own=far, relevance=rival)


@cache
def _kept(change: str, training: int, scenes: int, blocks: tuple[int, ...]) -> float:
    """Return which share of 108 answers stays when the class token's shares in some blocks are changed."""
    model, pictures = trained("object", training), data.shapes(108, seed=100 + scenes, device="cpu")
    changes = {"evened": course.evened, "shuffled": course.shuffled, "withheld": course.withheld}
    given = course.answers_with(model, pictures.images, changes[change], blocks).argmax(1)
    return float((given == model(pictures.images).argmax(1)).float().mean())


def spared(change: str, training: int, scenes: int) -> Found:
    """With other shares in the last block at least 95 % of the answers stay; with other shares in all blocks, fewer do."""
    last, rival = (_kept(change, training, scenes, blocks) for blocks in ((3,), (0, 1, 2, 3)))
    return found(last >= 0.95, rival >= 0.95, last=last, all=rival)


def carried(training: int, scenes: int) -> Found:
    """With nothing from places in the last block at least 90 % of the answers stay; with nothing before it, fewer do."""
    last, rival = (_kept("withheld", training, scenes, blocks) for blocks in ((3,), (0, 1, 2)))
    return found(last >= 0.9, rival >= 0.9, last=last, before=rival)


@cache
def _deletion(method: str, training: int, scenes: int) -> float:
    model, pictures = asked("object", training, scenes)
    heat = controls.chance(model, pictures.images, 0) if method == "chance" else _maps(method, training, scenes)
    curve = faithfulness.deletion(model, pictures.images, pictures.labels, lambda *_: heat, steps=course.STEPS)
    return float(curve.areas.mean())


def removed(method: str, training: int, scenes: int) -> Found:
    """Removing what the map calls high lowers the answer sooner than a random map does; the edges do not."""
    own, rival, disc, chance = (_deletion(name, training, scenes) for name in (method, "edges", "disc", "chance"))
    least = chance - 0.02
    return found(own < least, rival < least, own=own, edges=rival, disc=disc, chance=chance)


def _claim(
    name: str, says: str, cards: list[str], over: dict[str, list[Any]], measure: Any, rival: str, *tables: str
) -> Claim:
    over = {"training": TRAININGS} | over
    needed = [*files.SHAPES, *trainings(), *map(files.table, tables)]
    return Claim(f"attention.{name}", says, [WHERE, *cards], over, measure, rival, files=needed, tolerance=0.05)


ALIKE = ["attention", "rollout"]
CLAIMS = [
    _claim(
        "object",
        "In every block the object network's attention has more than twice its even share on the object.",
        ["card:attention.untrained"],
        {"scenes": SCENES, "block": BLOCKS},
        lies,
        "the same network with random weights",
    ),
    _claim(
        "relevance",
        "In the network of notebook 10 relevance has a larger share on the object than the attention of the last block.",
        [],
        {"training": [0], "scenes": SCENES},
        beaten,
        "the edges",
    ),
    _claim(
        "weights",
        "With random weights the maps of attention and of rollout correlate below 0.5 with those of the trained network.",
        [],
        {"method": ALIKE, "scenes": SCENES},
        weights,
        "the edges",
    ),
    _claim(
        "late",
        "With a random head and two random blocks before it, rollout correlates above 0.8 with that of the trained network.",
        [],
        {"scenes": SCENES},
        late,
        "the attention of the last block",
    ),
    _claim(
        "centred",
        "In the network of notebook 10 maps of tokens, drawn about the middle of what each token sees, have more on the object.",
        [],
        {"training": [0], "method": [*ALIKE, "relevance"], "scenes": SCENES},
        centred,
        "the gradient, moved alike",
    ),
    _claim(
        "head",
        "With a random head, attention and rollout draw the same map.",
        ["card:attention.head"],
        {"method": ALIKE, "scenes": SCENES},
        headless,
        "the relevance",
    ),
    _claim(
        "task",
        "On the same pictures the texture network's attention has at most 1.3 times its even share on the object.",
        ["card:attention.task"],
        {"scenes": SCENES, "block": BLOCKS},
        task,
        "the object network",
    ),
    _claim(
        "brief",
        "Trained as briefly as the texture network, an object network has in its first block more than three times its even "
        "share on the object.",
        [],
        {},
        brief,
        "the texture network",
        "transformers_brief",
    ),
    _claim(
        "class",
        "Attention and rollout draw the same map for all classes.",
        ["card:attention.relevance", "exam:attention.exam_shares"],
        {"method": ALIKE, "offset": [1, 3, 5], "scenes": SCENES[:3]},
        deaf,
        "the relevance",
    ),
    _claim(
        "deletion",
        "In the network of notebook 10 attention, rollout and relevance beat a random map in deletion by more than 0.02.",
        [],
        {"training": [0], "method": [*ALIKE, "relevance"], "scenes": SCENES},
        removed,
        "the edges",
    ),
    _claim(
        "even",
        "With even or shuffled attention of the class token in the last block at least 95 % of the answers stay.",
        ["card:attention.even", "card:attention.which", "exam:attention.exam_needed"],
        {"change": ["evened", "shuffled"], "scenes": SCENES},
        spared,
        "the same in all four blocks",
    ),
    _claim(
        "carried",
        "If the class token takes nothing from any place in the last block, at least 90 % of the answers stay.",
        [],
        {"scenes": SCENES},
        carried,
        "nothing in the three blocks before, and the last as it is",
    ),
]
