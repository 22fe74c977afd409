// The loop as a picture: device → filter → intake → teacher, and back by distiller → compressor → deployer, each
// a box with what it does, each arrow with its rate, what waits for it and the mailbox that it ends in.
// Thread contract: pure functions.
#pragma once

#include "tools/freshet/console/grid.hpp"
#include "tools/freshet/console/live_model.hpp"

#include <cstddef>

namespace freshet::cli {

/// Lines that the picture takes with boxes of so many inner lines.
constexpr std::size_t picture_height(std::size_t inner) { return 2 * (inner + 2) + 1; }

void draw_flow(const live_model& model, canvas area, std::size_t inner);

}  // namespace freshet::cli
