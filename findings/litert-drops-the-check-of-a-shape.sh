#!/usr/bin/env bash
# A signature that takes images of [batch, 28, 28], checks that by tf.ensure_shape and reshapes them to rows loses the check
# when it is converted to LiteRT, whose signature runner takes any shape: two images of 14x28 get one answer, and one of
# 56x56 gets four. The SavedModel refuses both. A reshape to [batch, 784] instead of [-1, 784] makes LiteRT refuse, too.
# Seen with tensorflow 2.21.0 on Python 3.11:
#     rows of -1:    2 x 14x28 -> 1, 1 x 56x56 -> 4
#     rows of batch: 2 x 14x28 -> refused, 1 x 56x56 -> refused
#     SavedModel:    2 x 14x28 -> refused, 1 x 56x56 -> refused
# Ends with 0 where that is still so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0

seen=$("$folder/venv/bin/python" - "$folder" 2>"$folder/log" <<'PYTHON'
import sys

import numpy as np
import tensorflow as tf


class Sums(tf.Module):
    def __init__(self, by_batch):
        super().__init__()
        self.by_batch = by_batch

    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28], tf.uint8, name="images")])
    def serve(self, images):
        rows = tf.shape(images)[0] if self.by_batch else -1
        flat = tf.reshape(tf.ensure_shape(images, [None, 28, 28]), [rows, 784])
        return {"sums": tf.reduce_sum(tf.cast(flat, tf.float32), axis=1)}


def answers(call):
    def count(*shape):
        try:
            return len(call(np.ones(shape, np.uint8))["sums"])
        except (RuntimeError, tf.errors.InvalidArgumentError):
            return "refused"

    return f"2 x 14x28 -> {count(2, 14, 28)}, 1 x 56x56 -> {count(1, 56, 56)}"


for name, by_batch in (("rows of -1:   ", False), ("rows of batch:", True)):
    model = Sums(by_batch)
    directory = f"{sys.argv[1]}/{by_batch}"
    tf.saved_model.save(model, directory, signatures={"serve": model.serve})
    lite = tf.lite.TFLiteConverter.from_saved_model(directory, signature_keys=["serve"]).convert()
    runner = tf.lite.Interpreter(model_content=lite).get_signature_runner("serve")
    print(name, answers(lambda images: runner(images=images)))
served = tf.saved_model.load(f"{sys.argv[1]}/False").signatures["serve"]
print("SavedModel:   ", answers(lambda images: served(images=tf.constant(images))))
PYTHON
)
printf '%s\n' "$seen"
[[ $seen == 'rows of -1:    2 x 14x28 -> 1, 1 x 56x56 -> 4
rows of batch: 2 x 14x28 -> refused, 1 x 56x56 -> refused
SavedModel:    2 x 14x28 -> refused, 1 x 56x56 -> refused' ]]
