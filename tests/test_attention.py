"""Attention is what a forward pass by hand says, a token that is dropped is one that is not there, and nothing is left behind."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack
from torchvision.models import VisionTransformer, vit_b_16

from tests.conftest import THOROUGH
from tests.drawn import day
from tests.state import unchanged
from vislib.attention import attention, attention_relevance, drop_tokens, rollout
from vislib.explain import logit, probability
from vislib.nets import SmallCNN, SmallViT

METHODS: dict[str, Callable[..., Tensor]] = {
    "attention": attention,
    "rollout": rollout,
    "attention_relevance": attention_relevance,
    "drop_tokens": drop_tokens,
}


def close(ours: Tensor, expected: Tensor, share: float = 1e-9) -> None:
    """Check that two maps agree to a share of the largest value, and that there is something to agree about."""
    largest = float(expected.abs().max())
    assert largest > 1e-9
    torch.testing.assert_close(ours, expected, rtol=0, atol=share * largest)


# ---- three transformers, and the forward pass by hand ----


class Block(NamedTuple):
    """The parts of a pre-norm block, whatever their names."""

    norm: nn.Module
    weight: Tensor  # of queries, keys and values
    bias: Tensor
    heads: int
    out: nn.Module
    mlp: Callable[[Tensor], Tensor]


def _ours(model: Any, images: Tensor) -> tuple[Tensor, list[Block], Callable[[Tensor], Tensor]]:
    places = model.stem(images).flatten(2).mT
    tokens = torch.cat([model.first.expand(len(images), -1, -1), places], 1) + model.places
    blocks = [
        Block(b.norm1, b.self_attn.in_proj_weight, b.self_attn.in_proj_bias, b.self_attn.num_heads, b.self_attn.out_proj,
              lambda x, b=b: b.linear2(F.gelu(b.linear1(b.norm2(x)))))
        for b in model.blocks
    ]  # fmt: skip
    return tokens, blocks, lambda x: model.head(model.norm(x)[:, 0])


def _torchvision(model: Any, images: Tensor) -> tuple[Tensor, list[Block], Callable[[Tensor], Tensor]]:
    places = model.conv_proj(images).flatten(2).mT
    tokens = torch.cat([model.class_token.expand(len(images), -1, -1), places], 1) + model.encoder.pos_embedding
    blocks = [
        Block(b.ln_1, b.self_attention.in_proj_weight, b.self_attention.in_proj_bias, b.num_heads, b.self_attention.out_proj,
              lambda x, b=b: b.mlp[3](F.gelu(b.mlp[0](b.ln_2(x)))))
        for b in model.encoder.layers
    ]  # fmt: skip
    return tokens, blocks, lambda x: model.heads(model.encoder.ln(x)[:, 0])


def _timm(model: Any, images: Tensor) -> tuple[Tensor, list[Block], Callable[[Tensor], Tensor]]:
    places = model.patch_embed.proj(images).flatten(2).mT
    first = [model.cls_token] if model.reg_token is None else [model.cls_token, model.reg_token]
    if model.no_embed_class:
        places = places + model.pos_embed
    tokens = torch.cat([*(token.expand(len(images), -1, -1) for token in first), places], 1)
    tokens = tokens if model.no_embed_class else tokens + model.pos_embed
    blocks = [
        Block(b.norm1, b.attn.qkv.weight, b.attn.qkv.bias, b.attn.num_heads, b.attn.proj,
              lambda x, b=b: b.mlp.fc2(F.gelu(b.mlp.fc1(b.norm2(x)))))
        for b in model.blocks
    ]  # fmt: skip
    return tokens, blocks, lambda x: model.head(model.norm(x)[:, 0])


def by_hand(parts: Callable[..., Any], model: nn.Module, images: Tensor, without: int | None = None) -> Any:
    """Return logits, and the shares of every block (B, heads, T, T); maybe without one token, counted from the last back."""
    x, blocks, end = parts(model, images)
    if without is not None:
        x = torch.cat([x[:, :without], x[:, x.shape[1] + without + 1 :]], 1)
    seen = []
    for block in blocks:
        q, k, v = (
            F.linear(block.norm(x), block.weight, block.bias).unflatten(2, (3, block.heads, -1)).permute(2, 0, 3, 1, 4)
        )
        scores = (q @ k.mT / q.shape[-1] ** 0.5).exp()
        seen.append(scores / scores.sum(-1, keepdim=True))
        x = x + block.out((seen[-1] @ v).transpose(1, 2).flatten(2))
        x = x + block.mlp(x)
    return end(x), seen


def _unfused(model: Any) -> Any:
    for block in model.blocks:
        block.attn.fused_attn = False
    return model


TINY = partial(timm.create_model, "vit_tiny_patch16_224", img_size=48, num_classes=5, depth=2)
SMALL = partial(VisionTransformer, image_size=48, patch_size=16, num_layers=3, num_heads=2, hidden_dim=24, mlp_dim=32)
NETWORKS: dict[str, tuple[Callable[[], Any], Callable[..., Any], int]] = {
    "ours": (lambda: SmallViT(classes=5, size=48, depth=3, width=16, heads=2), _ours, 6),
    "torchvision": (lambda: SMALL(num_classes=5), _torchvision, 3),
    "vit_b_16": (lambda: vit_b_16(image_size=48, num_classes=5), _torchvision, 3),
    "timm": (TINY, _timm, 3),
    "timm written out": (lambda: _unfused(TINY()), _timm, 3),
    "timm with registers": (lambda: TINY(reg_tokens=4, no_embed_class=True), _timm, 3),
}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> tuple[nn.Module, Callable[..., Any], int]:
    """An untrained transformer in float64 whose answer depends on its image, its parts, and the side of its grid."""
    make, parts, side = NETWORKS[request.param]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = make().eval().double()
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and not parameter.any():  # torchvision's head begins with zeros
                nn.init.normal_(parameter)
            elif "qkv" in name or "in_proj_weight" in name:
                parameter.data *= 3  # so that attention is not the same everywhere
    return model, parts, side


@pytest.fixture
def pictures() -> Tensor:
    return torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(1)).double()


TARGET = torch.tensor([3, 1])


def enlarged(heat: Tensor, side: int) -> Tensor:
    return F.interpolate(heat.detach().reshape(-1, 1, side, side), (48, 48), mode="bilinear")[:, 0]


def test_a_forward_pass_by_hand_agrees(network: Any, pictures: Tensor) -> None:
    model, parts, side = network
    logits, seen = by_hand(parts, model, pictures)
    close(logits.detach(), model(pictures).detach())
    places = slice(-side * side, None)
    close(attention(model, pictures, TARGET), enlarged(seen[-1].mean(1)[:, 0, places], side))
    close(attention(model, pictures, TARGET, block=0, head=1), enlarged(seen[0][:, 1, 0, places], side))

    rolled = relevant = torch.eye(seen[0].shape[-1]).double()
    slopes = torch.autograd.grad(logits.gather(1, TARGET[:, None]).sum(), seen)
    for share, slope in zip(seen, slopes, strict=True):
        rolled = (0.5 * share.mean(1) + 0.5 * torch.eye(share.shape[-1])) @ rolled
        relevant = relevant + (slope * share).clamp(min=0).mean(1) @ relevant
    close(rollout(model, pictures, TARGET), enlarged(rolled[:, 0, places], side))
    close(attention_relevance(model, pictures, TARGET), enlarged(relevant[:, 0, places], side))


@torch.no_grad()
def test_a_dropped_token_is_one_that_is_not_there(network: Any, pictures: Tensor) -> None:
    model, parts, side = network
    for score in (probability, logit):
        clean = score(by_hand(parts, model, pictures)[0], TARGET)
        left = [by_hand(parts, model, pictures, without=i - side * side)[0] for i in range(side * side)]
        expected = torch.stack([clean - score(logits, TARGET) for logits in left], 1)
        close(drop_tokens(model, pictures, TARGET, score=score), enlarged(expected, side), 1e-7)


# ---- where the truth is known ----


class Bright(nn.Module):
    """Its class token takes most from the brightest place, and answers with what it takes; attention without a softmax."""

    def __init__(self, pool: bool = False, steep: float = 8.0) -> None:
        super().__init__()
        self.cut = nn.Conv2d(3, 1, 8, 8, bias=False)
        nn.init.constant_(self.cut.weight, 1 / 192)
        self.pool, self.steep = pool, steep

    def forward(self, images: Tensor) -> Tensor:
        """Map pixels (B, 3, H, W) to logits (B, 2)."""
        seen = self.cut(images).flatten(1)
        values = seen if self.pool else F.pad(seen, (1, 0))
        shares = (self.steep * values[:, None].expand(-1, values.shape[1], -1)).exp()
        taken = (shares / shares.sum(-1, keepdim=True) @ values[..., None])[..., 0]
        read = taken.mean(1) if self.pool else taken[:, 0]
        return torch.stack([0.3 * torch.ones_like(read), 5 * read], 1)


@pytest.mark.parametrize("name", METHODS)
def test_the_token_that_the_answer_depends_on(name: str) -> None:
    for row, col in ((0, 0), (3, 1), (2, 5)):
        images = torch.full((1, 3, 32, 48), 0.1)
        images[..., 8 * row : 8 * row + 8, 8 * col : 8 * col + 8] = 0.9
        heat = METHODS[name](Bright(), images, 1)
        assert heat.shape == (1, 32, 48)
        y, x = divmod(int(heat.argmax()), 48)
        assert (y // 8, x // 8) == (row, col)
        assert float(heat.max()) > 10 * float(heat.flatten(1).median())


def test_a_mean_over_tokens_reads_all_of_them() -> None:
    images = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    shares = F.softmax(8 * Bright().cut(images).flatten(1), 1)
    expected = F.interpolate(shares.detach().view(2, 1, 4, 6), (32, 48), mode="bilinear")[:, 0]
    close(attention(Bright(pool=True), images, 1), expected, 1e-5)
    with pytest.raises(ValueError, match="answers from the tokens of places, which stay; expected a class token"):
        drop_tokens(Bright(pool=True), images, 1)


def test_what_tells_nothing_of_the_class_and_what_does(network: Any, pictures: Tensor) -> None:
    model = network[0]
    for method in (attention, rollout):
        close(method(model, pictures, 0), method(model, pictures, 4))
    for other in (attention_relevance, drop_tokens):
        assert not torch.allclose(other(model, pictures, 0), other(model, pictures, 4), atol=1e-6)


# ---- options, refusals, state ----


@pytest.fixture
def vit() -> nn.Module:
    return SmallViT(classes=5, size=16, width=16, depth=2, heads=2).eval()


def refused(call: Callable[[], Any], kind: type[Exception], part: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert caught.type is kind
    assert part in str(caught.value)
    assert "expected" in str(caught.value) or "did you mean" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "kind", "part"),
    [
        ({"block": 2}, ValueError, "block is 2, and the network has 2; expected one of them"),
        ({"block": -3}, ValueError, "block is -3, and the network has 2"),
        ({"block": 1.0}, TypeError, "block is 1.0; expected an int, from 0 on or from -1 back"),
        ({"block": None}, TypeError, "block is None"),
        ({"head": 2}, ValueError, "head is 2, and the block has 2; expected 0 to 1"),
        ({"head": -1}, ValueError, "head is -1; expected an int of at least 0, or None"),
        ({"head": True}, TypeError, "head is True"),
        ({"grid": (2, 1)}, None, ""),  # two places of three tokens before them
        ({"grid": (3, 2)}, ValueError, "the attention has 5 tokens; expected grid=(height, width)"),
        ({"grid": 0}, ValueError, "grid is 0"),
        ({"grid": "22"}, TypeError, "grid is '22'"),
        ({"gird": (2, 2)}, TypeError, "no option 'gird'; did you mean 'grid'"),
    ],
)
def test_options(options: Any, kind: Any, part: str, vit: nn.Module, images: Tensor) -> None:
    with unchanged(vit):
        if kind is None:
            assert attention(vit, images, 0, **options).shape == (3, 16, 16)
        else:
            refused(lambda: attention(vit, images, 0, **options), kind, part)


def test_every_block_and_head(vit: nn.Module, images: Tensor) -> None:
    for block in (0, 1):
        heads = torch.stack([attention(vit, images, 0, block=block, head=head) for head in (0, 1)])
        close(attention(vit, images, 0, block=block), heads.mean(0), 1e-5)
        assert torch.equal(attention(vit, images, 0, block=block), attention(vit, images, 0, block=block - 2))


class Others(nn.Module):
    """Attends within two halves of the image; or among all tokens, and then with one fewer, or with one that asks the others."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.cut, self.way = nn.Conv2d(3, 4, 4, 4), way

    def forward(self, images: Tensor) -> Tensor:
        """Map pixels (B, 3, 16, 16) to logits (B, 4)."""
        x = self.cut(images).flatten(2).mT[:, None]
        if self.way == "halves":
            x = x.unflatten(2, (2, 8)).transpose(1, 2).flatten(0, 1)
        x = F.scaled_dot_product_attention(x, x, x)
        if self.way != "halves":
            few = x[:, :, 1:] if self.way == "fewer" else x
            x = F.scaled_dot_product_attention(few[:, :, :1] if self.way == "one" else few, few, few)
        return x.reshape(len(images), -1, 4).mean(1)


@pytest.mark.parametrize("name", METHODS)
def test_networks_that_have_no_such_attention(name: str, images: Tensor) -> None:
    cnn = SmallCNN(classes=5, size=16, widths=(4, 4)).eval()
    with unchanged(cnn):
        refused(lambda: METHODS[name](cnn, images, 0), ValueError, "no step of the network is attention among tokens")
    for way in ("halves", "fewer", "one"):
        said = "the attention has shapes (", "with the same T in every block"
        refused(lambda way=way: METHODS[name](Others(way), images, 0), ValueError, said[way == "one"])  # type: ignore[misc]


class Blind(nn.Module):
    """Attends, and answers from the pixels alone."""

    def __init__(self, vit: nn.Module) -> None:
        super().__init__()
        self.vit = vit

    def forward(self, images: Tensor) -> Tensor:
        """Map pixels to logits."""
        logits: Tensor = 0 * self.vit(images) + images.mean((1, 2, 3))[:, None] * torch.arange(5)
        return logits


def test_an_answer_that_does_not_depend_on_attention(vit: nn.Module, images: Tensor) -> None:
    refused(lambda: rollout(Blind(vit), images, 0), ValueError, "no gradient at the last attention")
    refused(lambda: rollout(Cut(vit), images, 0), ValueError, "no gradient at the pixels")


class Cut(Blind):
    """Answers without a way back."""

    def forward(self, images: Tensor) -> Tensor:
        """Map pixels to logits."""
        logits: Tensor = self.vit(images).detach()
        return logits


class Breaks(Blind):
    """Raises in the middle of its second block."""

    def forward(self, images: Tensor) -> Tensor:
        """Map pixels to an error, once attention has begun."""
        x = self.vit.blocks[0](self.vit.stem(images).flatten(2).mT)  # type: ignore[operator, index, union-attr]
        raise KeyError(f"{tuple(x.shape)}")


@pytest.mark.parametrize("name", METHODS)
def test_nothing_is_left_behind(name: str, vit: nn.Module, images: Tensor) -> None:
    before, target = images.clone(), torch.tensor([1, 0, 4])
    with unchanged(vit):
        expected = METHODS[name](vit, images, target)
        with torch.no_grad():
            close(METHODS[name](vit, images, target), expected, 1e-5)
        with torch.inference_mode():
            inside = METHODS[name](vit, images.clone(), target)
        close(inside.clone(), expected, 1e-5)
        asking = images.clone().requires_grad_()
        assert not METHODS[name](vit, asking, target).requires_grad
        assert asking.grad is None
        with pytest.raises(KeyError):
            METHODS[name](Breaks(vit), images, target)
    assert _get_current_function_mode_stack() == []
    assert torch.equal(images, before)
    assert expected.shape == (3, 16, 16)
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize("name", METHODS)
def test_any_batch_size_and_frozen_weights(name: str, vit: nn.Module, images: Tensor) -> None:
    target = torch.tensor([1, 0, 4])
    expected = METHODS[name](vit, images, target)
    for size in (1, 2, 7):
        close(METHODS[name](vit, images, target, batch_size=size), expected, 1e-4)
    alone = torch.cat([METHODS[name](vit, images[i : i + 1], int(target[i])) for i in range(3)])
    close(alone, expected, 1e-4)
    close(METHODS[name](vit.requires_grad_(False), images, target), expected, 1e-5)


# ---- transformers from a grammar ----


class Drawn(nn.Module):
    """A transformer of drawn parts, which can also be asked by hand: where shares are kept, and a token left out."""

    def __init__(self, draw: random.Random) -> None:
        super().__init__()
        self.grid, self.extra = (draw.randint(2, 4), draw.randint(2, 4)), draw.randint(1, 5)
        self.heads, self.after = draw.choice([1, 2, 4]), draw.random() < 0.3  # norms after, or before
        self.way = draw.choice(["fused", "fused with names", "layer", "layer with weights", "softmax", "exp", "einsum"])
        self.cut, self.first = nn.Conv2d(3, 8, 4, 4), nn.Parameter(torch.randn(1, self.extra, 8))
        depth = draw.randint(1, 3)
        self.qkv = nn.ModuleList(nn.MultiheadAttention(8, self.heads, batch_first=True) for _ in range(depth))
        self.mlp = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 8)) for _ in range(depth))
        self.head = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        """Map pixels (B, 3, H, W) to logits (B, 4)."""
        return self.asked(images, self._attend)

    def asked(self, images: Tensor, attend: Callable[..., Tensor], without: int | None = None) -> Tensor:
        places = self.cut(images).flatten(2).mT
        if without is not None:
            places = torch.cat([places[:, :without], places[:, without + 1 :]], 1)
        x = torch.cat([self.first.expand(len(images), -1, -1), places], 1)
        for layer, mlp in zip(self.qkv, self.mlp, strict=True):
            x = F.layer_norm(x + attend(layer, x), (8,)) if self.after else x + attend(layer, F.layer_norm(x, (8,)))
            x = x + mlp(x)
        logits: Tensor = self.head(x[:, 0])
        return logits

    def split(self, layer: Any, x: Tensor) -> list[Tensor]:
        parts = F.linear(x, layer.in_proj_weight, layer.in_proj_bias).chunk(3, -1)
        return [part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts]

    def _attend(self, layer: Any, x: Tensor) -> Tensor:
        if self.way.startswith("layer"):
            out: Tensor = layer(x, x, x, need_weights=self.way.endswith("weights"))[0]
            return out
        q, k, v = self.split(layer, x)
        if self.way == "fused":
            out = F.scaled_dot_product_attention(q, k, v)
        elif self.way == "fused with names":
            out = F.scaled_dot_product_attention(key=k, value=v, query=q, scale=q.shape[-1] ** -0.5)
        elif self.way == "softmax":
            out = F.dropout((q @ k.mT / q.shape[-1] ** 0.5).softmax(-1), 0.5, self.training) @ v
        elif self.way == "exp":
            e = (q @ k.mT / q.shape[-1] ** 0.5).exp()
            out = e / e.sum(-1, keepdim=True) @ v
        else:
            shares = torch.softmax(torch.einsum("bhtd,bhsd->bhts", q, k) / q.shape[-1] ** 0.5, -1)
            out = torch.einsum("bhts,bhsd->bhtd", shares, v)
        return layer.out_proj(out.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


def _judge(seed: int) -> str:
    """Draw one transformer, and compare all methods with what it says by hand."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    model = Drawn(draw).eval().double()
    rows, cols = model.grid
    images, target = torch.rand(draw.randint(1, 3), 3, 4 * rows, 4 * cols).double(), draw.randrange(4)
    shares: list[Tensor] = []

    def attend(layer: Any, x: Tensor) -> Tensor:
        q, k, v = model.split(layer, x)
        shares.append((q @ k.mT / q.shape[-1] ** 0.5).softmax(-1))
        out: Tensor = layer.out_proj((shares[-1] @ v).transpose(1, 2).flatten(2))
        return out

    logits = model.asked(images, attend)
    seen = [*shares]
    slopes = torch.autograd.grad(logits[:, target].sum(), seen)
    rolled = relevant = torch.eye(seen[0].shape[-1]).double()
    for share, slope in zip(seen, slopes, strict=True):
        rolled = (0.5 * share.mean(1) + 0.5 * torch.eye(share.shape[-1])) @ rolled
        relevant = relevant + (slope * share).clamp(min=0).mean(1) @ relevant
    left = [model.asked(images, attend, without=i)[:, target] for i in range(rows * cols)]
    expected = {
        "attention": seen[-1].mean(1)[:, 0, model.extra :],
        "rollout": rolled[:, 0, model.extra :],
        "attention_relevance": relevant[:, 0, model.extra :],
        "drop_tokens": logits[:, target, None] - torch.stack(left, 1),
    }
    for name, method in METHODS.items():
        ours = method(model, images, target, score=logit)
        heat = expected[name].detach().reshape(-1, 1, rows, cols)
        if heat.any():
            close(ours, F.interpolate(heat, images.shape[-2:], mode="bilinear")[:, 0], 1e-7)
        else:  # no share of a small transformer speaks for the class
            assert name == "attention_relevance"
            assert not ours.any()
    return model.way


def test_transformers_from_a_grammar() -> None:
    draws, first = (500, random.SystemRandom().randrange(10**9)) if THOROUGH else (15, day().toordinal() * 1000)
    with torch.random.fork_rng(devices=[]):
        came = {_judge(seed) for seed in range(first, first + draws)}
    assert len(came) > 2
