#include "kernels/model/regrid.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/base/check.hpp"
#include "kernels/model/patches.hpp"
#include "kernels/model/pil_resize.hpp"

namespace freshet::model {
namespace {

constexpr std::uint8_t grey = 128;
constexpr double enough = 0.5;

std::int64_t root(std::int64_t square) {
  if (square <= 0) return 0;
  const auto r = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(square))));
  return r * r == square ? r : 0;
}

/// How much of each cell of `to` was kept, 0 to 1: overlaps of squares of the same picture.
std::vector<double> kept_shares(const std::vector<std::int64_t>& positions, const picture_grid& from, const picture_grid& to) {
  std::vector<double> shares(static_cast<std::size_t>(to.cells_a_side * to.cells_a_side), 0.0);
  const double ratio = static_cast<double>(to.cells_a_side) / static_cast<double>(from.cells_a_side);
  const auto overlap = [&](std::int64_t source, std::int64_t target) {
    const double begin = std::max(static_cast<double>(source) * ratio, static_cast<double>(target));
    const double end = std::min(static_cast<double>(source + 1) * ratio, static_cast<double>(target + 1));
    return std::max(0.0, end - begin);
  };
  const auto first = [&](std::int64_t source) { return static_cast<std::int64_t>(std::floor(static_cast<double>(source) * ratio)); };
  const auto last = [&](std::int64_t source) {
    return std::min(to.cells_a_side, static_cast<std::int64_t>(std::ceil(static_cast<double>(source + 1) * ratio)));
  };
  for (const std::int64_t p : positions) {
    const std::int64_t row = p / from.cells_a_side;
    const std::int64_t column = p % from.cells_a_side;
    for (std::int64_t r = first(row); r < last(row); ++r) {
      for (std::int64_t c = first(column); c < last(column); ++c) {
        shares[static_cast<std::size_t>(r * to.cells_a_side + c)] += overlap(row, r) * overlap(column, c);
      }
    }
  }
  return shares;
}

rgb_picture shown_by(const std::uint8_t* patches, const std::vector<std::int64_t>& positions, const picture_grid& grid) {
  const std::int64_t side = grid.side();
  rgb_picture out{side, side, std::vector<std::uint8_t>(static_cast<std::size_t>(side * side * 3), grey)};
  for (const std::int64_t p : positions) {
    const std::int64_t top = p / grid.cells_a_side * grid.cell_size;
    const std::int64_t left = p % grid.cells_a_side * grid.cell_size;
    for (std::int64_t c = 0; c < 3; ++c) {
      for (std::int64_t y = 0; y < grid.cell_size; ++y) {
        std::uint8_t* row = out.rgb.data() + ((top + y) * side + left) * 3 + c;
        for (std::int64_t x = 0; x < grid.cell_size; ++x) row[x * 3] = *patches++;
      }
    }
  }
  return out;
}

}  // namespace

picture_grid grid_of(std::int64_t cells, std::int64_t cell_bytes) {
  if (cell_bytes % 3 != 0) return {};
  const picture_grid grid{root(cells), root(cell_bytes / 3)};
  return grid.cells_a_side > 0 && grid.cell_size > 0 ? grid : picture_grid{};
}

kept_cells regrid(const std::uint8_t* patches, const std::vector<std::int64_t>& positions, const picture_grid& from,
                  const picture_grid& to) {
  FRESHET_ENSURE(from.side() > 0 && to.side() > 0 && !positions.empty(), "regrid: a grid without cells");
  for (const std::int64_t p : positions) {
    FRESHET_ENSURE(p >= 0 && p < from.cells_a_side * from.cells_a_side, "regrid: a position outside of the grid");
  }
  const rgb_picture resized =
      pil_resize(shown_by(patches, positions, from), to.side(), to.side(), resample_filter::bicubic);
  const std::vector<std::uint8_t> all = cut_patches(resized.rgb.data(), to.side(), to.cell_size);
  const std::vector<double> shares = kept_shares(positions, from, to);
  // A hair below: a cell that is covered exactly by halves counts whatever the rounding.
  const double least = std::min(enough, *std::max_element(shares.begin(), shares.end())) - 1e-9;
  const auto width = static_cast<std::size_t>(3 * to.cell_size * to.cell_size);
  kept_cells out;
  for (std::size_t cell = 0; cell < shares.size(); ++cell) {
    if (shares[cell] < least) continue;
    out.positions.push_back(static_cast<std::int64_t>(cell));
    out.patches.insert(out.patches.end(), all.begin() + static_cast<std::ptrdiff_t>(cell * width),
                       all.begin() + static_cast<std::ptrdiff_t>((cell + 1) * width));
  }
  return out;
}

}  // namespace freshet::model
