#!/usr/bin/env bash
# tf.nn.conv2d answers an empty batch with the shape of its input, whatever filters, stride and padding say, where oneDNN
# computes, as it does by default on x86; without oneDNN the shape is right. Layers after it, such as a batch
# normalisation, then fail in a served model that is asked for nothing.
# Seen with tensorflow 2.21.0 on Python 3.11:
#     oneDNN on:  (0, 28, 28, 1)
#     oneDNN off: (0, 13, 13, 32)
# Ends with 0 where that is still so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0

shape() {
    TF_ENABLE_ONEDNN_OPTS=$1 "$folder/venv/bin/python" 2>"$folder/log" - <<'PYTHON'
import tensorflow as tf

images, filters = tf.zeros((0, 28, 28, 1)), tf.ones((3, 3, 1, 32))
print(tuple(tf.nn.conv2d(images, filters, strides=2, padding="VALID").shape))
PYTHON
}

seen=$(printf 'oneDNN on:  %s\noneDNN off: %s' "$(shape 1)" "$(shape 0)")
printf '%s\n' "$seen"
[[ $seen == $'oneDNN on:  (0, 28, 28, 1)\noneDNN off: (0, 13, 13, 32)' ]]
