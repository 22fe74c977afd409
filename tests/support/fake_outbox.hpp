// An outbox that keeps what a core puts into it, for tests of cores without actors. Rooms are set
// by the test; sending more sequenced messages than there is room fails the test.
#pragma once

#include "actors/role.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace freshet::test {

class fake_outbox final : public actors::outbox {
 public:
  struct sent {
    topology::address to;
    topology::any_message message;
  };

  void send(const topology::address& to, topology::shared_message m) override {
    if (topology::delivery_of(m) == topology::delivery::sequenced) {
      if (room(to) == 0) {
        ADD_FAILURE() << topology::name_of(m) << " sent to " << to.text() << " without room";
      } else {
        --rooms_.emplace(to, default_room_).first->second;
      }
    }
    messages.push_back({to, *m});
  }
  [[nodiscard]] std::size_t room(const topology::address& to) const override {
    const auto it = rooms_.find(to);
    return it == rooms_.end() ? default_room_ : it->second;
  }
  [[nodiscard]] std::size_t on_the_way(const topology::address& to) const override {
    const auto it = on_the_way_.find(to);
    return it == on_the_way_.end() ? 0 : it->second;
  }
  void wake_after(duration delay) override { wake = wake ? std::min(*wake, delay) : delay; }
  void log(actors::log_level level, std::string text) override { logs.emplace_back(level, std::move(text)); }

  void set_room(const topology::address& to, std::size_t room) { rooms_[to] = room; }
  /// All that is sent arrives at once unless a test says otherwise.
  void set_on_the_way(const topology::address& to, std::size_t count) { on_the_way_[to] = count; }
  void set_default_room(std::size_t room) { default_room_ = room; }

  /// All messages of a type, in order, whoever they go to; they are taken out.
  template <class T>
  std::vector<T> take() {
    std::vector<T> out;
    std::vector<sent> rest;
    for (auto& one : messages) {
      if (auto* m = std::get_if<T>(&one.message)) {
        out.push_back(std::move(*m));
      } else {
        rest.push_back(std::move(one));
      }
    }
    messages = std::move(rest);
    return out;
  }
  template <class T>
  [[nodiscard]] std::size_t count() const {
    return static_cast<std::size_t>(std::count_if(
        messages.begin(), messages.end(), [](const sent& one) { return std::holds_alternative<T>(one.message); }));
  }
  [[nodiscard]] std::size_t logged(actors::log_level level) const {
    return static_cast<std::size_t>(
        std::count_if(logs.begin(), logs.end(), [level](const auto& one) { return one.first == level; }));
  }

  std::vector<sent> messages;
  std::vector<std::pair<actors::log_level, std::string>> logs;
  std::optional<duration> wake;

 private:
  std::map<topology::address, std::size_t> rooms_;
  std::map<topology::address, std::size_t> on_the_way_;
  std::size_t default_room_ = 1U << 20;
};

}  // namespace freshet::test
