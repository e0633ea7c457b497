"""The curated schema has the bounds of the data set."""

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from modules.dataset import DATASET
from modules.features import IMAGE_KEY, LABEL_KEY
from tfx_pipeline.steps.schema_import import schema_text


def test_schema_describes_the_raw_features_and_its_last_label_is_the_last_class() -> None:
    schema = text_format.Parse(schema_text(), schema_pb2.Schema())
    features = {feature.name: feature for feature in schema.feature}
    assert set(features) == {IMAGE_KEY, LABEL_KEY}
    domain = features[LABEL_KEY].int_domain
    assert (domain.min, domain.max) == (0, DATASET.num_classes - 1)
