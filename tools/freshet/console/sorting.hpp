// Rows sorted by a column that the user picks: what has no figure comes last either way, equals by name.
// Thread contract: owned by one thread.
#pragma once

#include "tools/freshet/console/format.hpp"
#include "tools/freshet/console/view.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace freshet::cli {

template <class T>
struct sort_key {
  std::function<maybe(const T&)> number;  ///< or, when empty:
  std::function<std::string(const T&)> text;
  bool falling = false;  ///< at first
};

template <class T>
class sorting {
 public:
  explicit sorting(std::vector<sort_key<T>> keys) : keys_(std::move(keys)) {}
  [[nodiscard]] std::size_t column() const { return column_; }
  [[nodiscard]] bool falling() const { return keys_[column_].falling != reversed_; }

  bool press(key k) {
    if (k == key::next_column) {
      column_ = (column_ + 1) % keys_.size();
      reversed_ = false;
    } else if (k == key::reverse) {
      reversed_ = !reversed_;
    } else {
      return false;
    }
    return true;
  }

  /// `all` comes sorted by name.
  [[nodiscard]] std::vector<const T*> sorted(const std::vector<T>& all) const {
    std::vector<const T*> out;
    out.reserve(all.size());
    for (const T& one : all) out.push_back(&one);
    const sort_key<T>& by = keys_[column_];
    const bool down = falling();
    std::stable_sort(out.begin(), out.end(), [&](const T* a, const T* b) {
      if (!by.number) return down ? by.text(*b) < by.text(*a) : by.text(*a) < by.text(*b);
      const maybe x = by.number(*a);
      const maybe y = by.number(*b);
      if (!x || !y) return x.has_value() && !y.has_value();
      return down ? *y < *x : *x < *y;
    });
    return out;
  }

 private:
  std::vector<sort_key<T>> keys_;
  std::size_t column_ = 0;
  bool reversed_ = false;
};

}  // namespace freshet::cli
