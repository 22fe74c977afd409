// The console without a terminal: takes what a feed says and what a user presses, and draws a grid.
// Thread contract: owned by one thread.
#pragma once

#include "tools/freshet/console/grid.hpp"
#include "tools/freshet/console/live_follower.hpp"
#include "tools/freshet/console/view.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace freshet::cli {

class console {
 public:
  /// `from` says whose figures these are: "cloud/stats".
  explicit console(std::string from);

  void take(live_change change);
  [[nodiscard]] grid draw(std::size_t width, std::size_t height);

  void press(key k);
  /// A letter, digit or sign: views, help, pause, quit. Known ones that belong to a view go there.
  void press(char letter);
  [[nodiscard]] bool wants_to_leave() const { return leave_; }

 private:
  void draw_head(canvas line) const;
  void draw_foot(canvas line) const;
  void draw_help(canvas area) const;

  std::string from_;
  nlohmann::json document_ = nlohmann::json::object();
  live_model model_;
  bool attached_ = false;
  bool ever_attached_ = false;
  bool paused_ = false;
  bool help_ = false;
  bool leave_ = false;
  std::string why_lost_;
  std::vector<std::unique_ptr<view>> views_;
  std::size_t current_ = 0;
};

}  // namespace freshet::cli
