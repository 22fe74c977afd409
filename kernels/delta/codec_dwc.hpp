// `dwc`, the default: dynamic weight-update compression (methods.md 1.3): the best plan within the
// budget (choose.hpp), then zstd where it pays.
#pragma once

#include "kernels/delta/codec.hpp"

#include <memory>
#include <string_view>

namespace freshet::delta {

[[nodiscard]] std::unique_ptr<update_codec> make_dwc_codec();

}  // namespace freshet::delta
