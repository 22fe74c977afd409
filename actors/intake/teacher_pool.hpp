// Which teacher gets a lease: the one that has the fewest out, and another one than before when it is given
// out again. Owned by one intake core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "topology/message/address.hpp"

namespace freshet::actors {

class teacher_pool {
 public:
  explicit teacher_pool(std::vector<topology::address> teachers);

  /// Whether any can be sent to; `room` as outbox::room.
  using room_of = std::function<std::size_t(const topology::address&)>;
  [[nodiscard]] bool has_room(const room_of& room) const;
  /// Gives the lease to one of those with room; nothing when there is none.
  std::optional<topology::address> give(std::uint64_t lease, const room_of& room);
  /// The lease is not out any more.
  void take_back(std::uint64_t lease);

  [[nodiscard]] std::size_t size() const noexcept { return teachers_.size(); }
  [[nodiscard]] std::size_t out_at(std::size_t teacher) const { return teachers_[teacher].out; }

 private:
  struct member {
    topology::address where;
    std::size_t out = 0;
  };
  std::vector<member> teachers_;
  std::map<std::uint64_t, std::size_t> at_;   ///< lease -> teacher
};

}  // namespace freshet::actors
