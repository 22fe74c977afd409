// One page of the console. To add one: a file pair in views/, a line in views.cpp.
// Thread contract: owned by one thread.
#pragma once

#include "tools/freshet/console/grid.hpp"
#include "tools/freshet/console/live_model.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace freshet::cli {

enum class key : std::uint8_t { other, up, down, page_up, page_down, home, end, next_column, reverse };

class view {
 public:
  virtual ~view() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  /// Its own keys, for the foot line: "s sort".
  [[nodiscard]] virtual std::string keys() const { return ""; }
  virtual void draw(const live_model& model, canvas area) = 0;
  /// True when the key meant something here.
  virtual bool press(key) { return false; }
};

/// All of them, in the order of their number keys.
std::vector<std::unique_ptr<view>> all_views();

}  // namespace freshet::cli
