#include "tools/freshet/console/table.hpp"

#include <algorithm>

namespace freshet::cli {

void scrolling_table::draw(canvas area, const std::vector<table_row>& rows, std::size_t sorted, bool falling) {
  if (area.height() < 2) return;
  rows_ = rows.size();
  room_ = area.height() - 1;
  top_ = std::min(top_, rows_ > room_ ? rows_ - room_ : 0);
  const std::size_t bar = area.width() > 0 ? area.width() - 1 : 0;
  std::size_t fitting = 0;
  std::size_t used = 0;
  while (fitting < columns_.size() && used + columns_[fitting].width + (fitting > 0) <= bar) {
    used += columns_[fitting].width + (fitting > 0);
    ++fitting;
  }
  // What is left over goes to the first column, which holds names.
  const std::size_t spare = std::min<std::size_t>(bar - used, 16);
  const auto put = [&](std::size_t column, std::size_t x, std::size_t y, const std::string& text, style look) {
    const std::size_t width = columns_[column].width + (column == 0 ? spare : 0);
    canvas cell = area.part(x, y, width, 1);
    if (columns_[column].to_right)
      cell.put_right(width, 0, text, look);
    else
      cell.put(0, 0, text, look);
    return x + width + 1;
  };
  std::size_t x = 0;
  for (std::size_t c = 0; c < fitting; ++c) {
    const bool by = c == sorted;
    std::string title = columns_[c].title;
    if (by) title = title.substr(0, columns_[c].width - 1) + (falling ? "↓" : "↑");
    x = put(c, x, 0, title, by ? style::bold : style::dim);
  }
  for (std::size_t i = 0; i < room_ && top_ + i < rows_; ++i) {
    x = 0;
    const table_row& row = rows[top_ + i];
    for (std::size_t c = 0; c < fitting && c < row.size(); ++c) x = put(c, x, i + 1, row[c].text, row[c].look);
  }
  if (rows_ <= room_) return;
  // Where one is, at the right edge.
  const std::size_t length = std::max<std::size_t>(1, room_ * room_ / rows_);
  const std::size_t from = top_ * (room_ - length) / (rows_ - room_);
  for (std::size_t i = 0; i < room_; ++i)
    area.put(bar, i + 1, i >= from && i < from + length ? U'█' : U'│', style::dim);
}

bool scrolling_table::press(key k) {
  const std::size_t last = rows_ > room_ ? rows_ - room_ : 0;
  switch (k) {
    case key::up:
      top_ -= std::min<std::size_t>(top_, 1);
      return true;
    case key::down:
      top_ = std::min(last, top_ + 1);
      return true;
    case key::page_up:
      top_ -= std::min(top_, room_);
      return true;
    case key::page_down:
      top_ = std::min(last, top_ + room_);
      return true;
    case key::home:
      top_ = 0;
      return true;
    case key::end:
      top_ = last;
      return true;
    default:
      return false;
  }
}

}  // namespace freshet::cli
