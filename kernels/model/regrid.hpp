// Cells of a picture on another model's grid: a student's cells as a teacher of another resolution reads them.
// Pure functions.
#pragma once

#include <cstdint>
#include <vector>

namespace freshet::model {

/// A square of cells_a_side² cells, each of cell_size² pixels.
struct picture_grid {
  std::int64_t cells_a_side = 0;
  std::int64_t cell_size = 0;
  [[nodiscard]] std::int64_t side() const noexcept { return cells_a_side * cell_size; }
  friend bool operator==(const picture_grid& a, const picture_grid& b) {
    return a.cells_a_side == b.cells_a_side && a.cell_size == b.cell_size;
  }
  friend bool operator!=(const picture_grid& a, const picture_grid& b) { return !(a == b); }
};

/// The grid of `cells` cells of `cell_bytes` bytes (three channels); sides of 0 when those are no squares.
[[nodiscard]] picture_grid grid_of(std::int64_t cells, std::int64_t cell_bytes);

struct kept_cells {
  std::vector<std::uint8_t> patches;     ///< u8 [K, 3 · cell_size²], a patch is [channel, row, column]
  std::vector<std::int64_t> positions;   ///< [K] ascending
};

/// The picture that the kept cells of `from` show, what is missing in middle grey, resized (bicubic) to `to`. Of that,
/// the cells at least half of which was kept; when there are none, those with the largest share.
[[nodiscard]] kept_cells regrid(const std::uint8_t* patches, const std::vector<std::int64_t>& positions, const picture_grid& from,
                                const picture_grid& to);

}  // namespace freshet::model
