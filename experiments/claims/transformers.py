"""Notebook 10: attention of a small transformer, beside what asks no network and a network that has learned nothing."""

from functools import cache
from typing import Any

from torch import Tensor

from experiments import files
from experiments.claims.claim import Claim, Found, found
from vislib import controls, data, faithfulness, gradients, sanity
from vislib.attention import attention, attention_relevance, rollout
from vislib.course import networks
from vislib.course import transformers as course
from vislib.data import ImageSet
from vislib.models import Classifier
from vislib.sanity import randomised

WHERE = "10_transformers"
SCENES = [1, 2, 3, 4, 5]  # seeds of pictures that no network was trained on, but those of 0 and 1
BLOCKS = [0, 1, 2, 3]
NETWORKS = [*files.SHAPES, *files.trained("vit_object", "vit_texture")]

PLAIN = ["attention.shares"]


@cache
def asked(task: str, scenes: int) -> tuple[Classifier, ImageSet]:
    """Return the transformer of a task, and 36 new pictures with its labels."""
    return networks.trained(f"vit_{task}", device="cpu"), data.shapes(36, seed=100 + scenes, label=task, device="cpu")


def _masks(scenes: int) -> Tensor:
    masks = asked("object", scenes)[1].masks
    assert masks is not None
    return masks


def _inside(heat: Tensor, scenes: int) -> float:
    """Return which share of the maps lies on the object, as a multiple of the object's share of the picture."""
    masks = _masks(scenes)
    return course.inside({"": heat}, masks)[""] / float(masks.float().mean())


@cache
def _attention(task: str, scenes: int, block: int) -> float:
    model, pictures = asked(task, scenes)
    return _inside(attention(model, pictures.images, pictures.labels, block=block), scenes)


def lies(scenes: int, block: int) -> Found:
    """The trained network's attention has more than twice its even share on the object; an untrained one's has not."""
    model, pictures = asked("object", scenes)
    random = course.untrained(model, pictures.images, seed=scenes)
    rival = _inside(attention(random, pictures.images, pictures.labels, block=block), scenes)
    trained = _attention("object", scenes, block)
    return found(trained > 2, rival > 2, trained=trained, untrained=rival)


def task(scenes: int, block: int) -> Found:
    """The texture network's attention has at most 1.3 times its even share on the object; the object network's has more."""
    texture, rival = (_attention(name, scenes, block) for name in ("texture", "object"))
    return found(texture < 1.3, rival < 1.3, texture=texture, object=rival)


@cache
def _maps(method: str, scenes: int, offset: int = 0) -> Tensor:
    model, pictures = asked("object", scenes)
    explainer = {
        "attention": attention,
        "rollout": rollout,
        "relevance": attention_relevance,
        "gradient": gradients.gradient,
        "edges": controls.sobel,
        "disc": controls.disc,
    }[method]
    return explainer(model, pictures.images, (pictures.labels + offset) % 6)


def beaten(scenes: int) -> Found:
    """The relevance has a larger share on the object than the attention of the last block; the edges have not."""
    last = _inside(_maps("attention", scenes), scenes)
    own, rival = (_inside(_maps(name, scenes), scenes) for name in ("relevance", "edges"))
    return found(own > last, rival > last, own=own, edges=rival, attention=last)


def weights(method: str, scenes: int) -> Found:
    """With random weights the map correlates below 0.5 with what it was; an edge filter draws the same."""
    model, pictures = asked("object", scenes)
    random = course.untrained(model, pictures.images, seed=scenes)
    again = {"attention": attention, "rollout": rollout}[method](random, pictures.images, pictures.labels)
    edges = controls.sobel(random, pictures.images, pictures.labels)
    own, rival = (
        float(sanity.spearman(now, _maps(name, scenes)).mean()) for now, name in ((again, method), (edges, "edges"))
    )
    return found(own < 0.5, rival < 0.5, alike=own, edges=rival)


def deaf(method: str, offset: int, scenes: int) -> Found:
    """Asked about another class, the method draws the same map; the relevance draws another."""
    far, rival = (
        float((_maps(name, scenes) - _maps(name, scenes, offset)).abs().max()) for name in (method, "relevance")
    )
    return found(far < 1e-6, rival < 1e-6, own=far, relevance=rival)


def headless(method: str, scenes: int) -> Found:
    """With a random head the method draws the same map; the relevance draws another."""
    model, pictures = asked("object", scenes)
    _, random = next(randomised(model, pictures.images, seed=scenes))
    explainers = {"attention": attention, "rollout": rollout, "relevance": attention_relevance}
    far, rival = (
        float((_maps(name, scenes) - explainers[name](random, pictures.images, pictures.labels)).abs().max())
        for name in (method, "relevance")
    )
    return found(far < 1e-6, rival < 1e-6, own=far, relevance=rival)


@cache
def _kept(change: str, scenes: int, blocks: tuple[int, ...]) -> float:
    """Return which share of 108 answers stays when the class token's shares in some blocks are changed."""
    model, pictures = asked("object", scenes)[0], data.shapes(108, seed=100 + scenes, device="cpu")
    changes = {"evened": course.evened, "shuffled": course.shuffled}
    given = course.answers_with(model, pictures.images, changes[change], blocks).argmax(1)
    return float((given == model(pictures.images).argmax(1)).float().mean())


def spared(change: str, scenes: int) -> Found:
    """With other shares in the last block at least 95 % of the answers stay; with other shares in all blocks, fewer do."""
    last, rival = (_kept(change, scenes, blocks) for blocks in ((3,), (0, 1, 2, 3)))
    return found(last >= 0.95, rival >= 0.95, last=last, all=rival)


@cache
def _deletion(method: str, scenes: int) -> float:
    model, pictures = asked("object", scenes)
    heat = controls.chance(model, pictures.images, 0) if method == "chance" else _maps(method, scenes)
    curve = faithfulness.deletion(model, pictures.images, pictures.labels, lambda *_: heat, steps=course.STEPS)
    return float(curve.areas.mean())


def removed(method: str, scenes: int) -> Found:
    """Removing what the map calls high lowers the answer sooner than a random map does; the edges do not."""
    own, rival, disc, chance = (_deletion(name, scenes) for name in (method, "edges", "disc", "chance"))
    least = chance - 0.02
    return found(own < least, rival < least, own=own, edges=rival, disc=disc, chance=chance)


def _claim(name: str, says: str, cards: list[str], over: dict[str, list[Any]], measure: Any, rival: str) -> Claim:
    return Claim(f"attention.{name}", says, [WHERE, *cards], over, measure, rival, files=NETWORKS, tolerance=0.05)


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
        "The relevance has a larger share of its map on the object than the attention of the last block.",
        [],
        {"scenes": SCENES},
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
        "class",
        "Attention and rollout draw one map for every class.",
        ["card:attention.relevance", "exam:attention.exam_shares"],
        {"method": ALIKE, "offset": [1, 3, 5], "scenes": SCENES[:3]},
        deaf,
        "the relevance",
    ),
    _claim(
        "deletion",
        "In deletion attention, rollout and relevance beat a random map by more than 0.02.",
        [],
        {"method": [*ALIKE, "relevance"], "scenes": SCENES},
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
]
