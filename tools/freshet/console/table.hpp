// A table that scrolls: as many columns as fit, a head line, a mark of where one is.
// Thread contract: owned by one thread.
#pragma once

#include "tools/freshet/console/grid.hpp"
#include "tools/freshet/console/view.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace freshet::cli {

struct table_column {
  std::string title;
  std::size_t width = 0;
  bool to_right = true;
};

struct table_cell {
  std::string text;
  style look = style::normal;
};

using table_row = std::vector<table_cell>;

class scrolling_table {
 public:
  explicit scrolling_table(std::vector<table_column> columns) : columns_(std::move(columns)) {}

  /// Columns that do not fit are left out from the right; `sorted` is marked, `falling` says which way.
  void draw(canvas area, const std::vector<table_row>& rows, std::size_t sorted, bool falling);
  bool press(key k);

 private:
  std::vector<table_column> columns_;
  std::size_t top_ = 0;
  std::size_t rows_ = 0;  ///< as drawn last
  std::size_t room_ = 1;
};

}  // namespace freshet::cli
