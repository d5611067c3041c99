"""The loss of a clip, against slow loops and other libraries."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from sec2sec.metrics import TrainingLabels
from sec2sec.training.losses import LossOptions, balanced_weights, clip_loss


def test_the_loss_is_cross_entropy_for_classes_and_distance_for_scores_where_there_is_a_label():
    torch.manual_seed(0)
    logits = torch.randn(5, 2)
    labels = torch.tensor([[1, 0.2], [0, 0.9], [float("nan"), 0.5], [1, float("nan")], [0, 0.1]])
    for kind in ("l1", "smooth_l1"):
        expected, count = 0.0, 0
        for b in range(5):
            for k in range(2):
                y, x = labels[b, k], logits[b, k]
                if y.isnan():
                    continue
                count += 1
                if k == 0:
                    expected += -float(y * F.logsigmoid(x) + (1 - y) * F.logsigmoid(-x))
                else:
                    d = abs(float(x.sigmoid() - y))
                    expected += d if kind == "l1" else (d**2 / 0.2 if d < 0.1 else d - 0.05)
        total, known = clip_loss(logits, labels, ("binary", "score"), LossOptions(kind))
        assert float(total) == pytest.approx(expected, rel=1e-5)
        assert int(known) == count == 8


def test_a_clip_without_labels_has_no_loss_and_no_gradient():
    logits = torch.randn(2, 1, requires_grad=True)
    total, known = clip_loss(logits, torch.full((2, 1), float("nan")), ("binary",))
    total.backward()
    assert int(known) == 0
    assert torch.equal(logits.grad, torch.zeros(2, 1))


def test_balanced_weights_are_scikit_learns():
    torch.manual_seed(1)
    logits, classes = torch.randn(40, 1), (torch.rand(40, 1) < 0.2).float()
    (weights,) = balanced_weights({"a": TrainingLabels.of("binary", classes[:, 0].numpy())})
    own = compute_class_weight("balanced", classes=np.array([0.0, 1.0]), y=classes[:, 0].numpy())
    assert weights == pytest.approx(tuple(own))
    total, _ = clip_loss(logits, classes, ("binary",), LossOptions(class_weights=(weights,)))
    by_clip = np.where(classes[:, 0] > 0.5, weights[1], weights[0])
    expected = log_loss(classes[:, 0], logits.double().sigmoid()[:, 0], sample_weight=by_clip, normalize=False)
    assert float(total) == pytest.approx(expected, rel=1e-5)


def test_scores_weigh_one():
    labels = {"a": TrainingLabels("binary", 10, 0.25, 0.0), "b": TrainingLabels("score", 10, 0.3, 0.3)}
    assert balanced_weights(labels) == ((0.5 / 0.75, 2.0), (1.0, 1.0))


def test_smoothing_is_that_of_torchs_cross_entropy_over_two_classes():
    torch.manual_seed(1)
    logits, classes = torch.randn(40, 1), (torch.rand(40, 1) < 0.2).float()
    smoothed, _ = clip_loss(logits, classes, ("binary",), LossOptions(label_smoothing=0.2))
    two = torch.cat([torch.zeros(40, 1), logits], 1)  # softmax of two classes is the sigmoid of their difference
    expected = F.cross_entropy(two, classes[:, 0].long(), label_smoothing=0.2, reduction="sum")
    assert float(smoothed) == pytest.approx(float(expected), rel=1e-5)


def test_concordance_is_lins_over_the_labelled_clips():
    torch.manual_seed(2)
    logits, scores = torch.randn(40, 1), torch.rand(40, 1)
    scores[3] = float("nan")
    total, count = clip_loss(logits, scores, ("score",), LossOptions("ccc"))
    there = ~scores[:, 0].isnan()
    x, y = logits.sigmoid()[there, 0].numpy(), scores[there, 0].numpy()
    lin = 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    assert int(count) == 39
    assert float(total / count) == pytest.approx(1 - lin, abs=1e-5)


def test_concordance_of_one_clip_is_zero_and_its_gradient_a_number():
    logits = torch.zeros(1, 1, requires_grad=True)
    total, _ = clip_loss(logits, torch.tensor([[0.5]]), ("score",), LossOptions("ccc"))
    total.backward()
    assert float(total.detach()) == 1.0
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_weights_multiply_the_loss_of_a_clip_and_leave_the_number_of_labels():
    torch.manual_seed(3)
    logits, classes = torch.randn(40, 1), (torch.rand(40, 1) < 0.5).float()
    weights = torch.rand(40)
    total, count = clip_loss(logits, classes, ("binary",), weights=weights)
    expected = log_loss(classes[:, 0], logits.double().sigmoid()[:, 0], sample_weight=weights.numpy(), normalize=False)
    assert float(total) == pytest.approx(expected, rel=1e-5)
    assert int(count) == 40
