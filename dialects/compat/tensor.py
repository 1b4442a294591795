"""xDSL's tensor dialect with what xDSL 0.74 gets wrong mended.

- tensor.expand_shape: a tensor of rank 0 has no axes to group, and becomes one of unit axes.

A test shows the defect in stock xDSL, and fails once that is mended.
"""

from xdsl.dialects import tensor
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Dialect
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa


class ExpandShapeOp(tensor.ExpandShapeOp):
    """tensor.expand_shape whose source may have rank 0."""

    def verify_(self) -> None:
        assert isa(self.src.type, TensorType)
        if self.src.type.get_num_dims() or len(self.reassociation):
            super().verify_()
        elif set(shape := self.result.type.get_shape()) - {1}:
            raise VerifyException(f"a tensor of one element cannot have shape {shape}")


Tensor = Dialect(
    "tensor",
    [ExpandShapeOp if op is tensor.ExpandShapeOp else op for op in tensor.Tensor.operations],
    list(tensor.Tensor.attributes),
)
