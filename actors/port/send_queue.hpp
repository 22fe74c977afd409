// What waits for one peer's socket: control in front of bulk, both bounded in messages and bytes.
// Thread contract: owned by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "actors/rt/transport.hpp"
#include "kernels/base/shared_bytes.hpp"
#include "topology/message/address.hpp"

namespace freshet::port {

struct outgoing {
  std::vector<shared_bytes> frames;
  std::uint64_t wire_bytes = 0;
  bool control = false;
  topology::address from;
  topology::address to;
};

class send_queue {
 public:
  explicit send_queue(rt::queue_limits limits) : limits_(limits) {}

  struct drops {
    std::uint64_t control = 0;
    std::uint64_t bulk = 0;
  };
  /// Control makes room by dropping the oldest control (a later word of its protocol replaces
  /// it); bulk that does not fit is dropped itself (its link sends it again). One message fits
  /// into an empty queue whatever its size.
  drops push(outgoing message);

  [[nodiscard]] bool empty() const noexcept { return control_.items.empty() && bulk_.items.empty(); }
  [[nodiscard]] std::size_t messages() const noexcept { return control_.items.size() + bulk_.items.size(); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return control_.bytes + bulk_.bytes; }
  /// In the order in which they go: 0 is the front.
  [[nodiscard]] const outgoing& at(std::size_t index) const;
  [[nodiscard]] const outgoing& front() const { return at(0); }
  void pop();
  void clear();

 private:
  struct lane {
    std::deque<outgoing> items;
    std::uint64_t bytes = 0;
    [[nodiscard]] bool fits(std::uint64_t more, std::size_t messages, std::size_t most_bytes) const {
      return items.empty() || (items.size() < messages && bytes + more <= most_bytes);
    }
    void take(outgoing message) {
      bytes += message.wire_bytes;
      items.push_back(std::move(message));
    }
    void drop_front() {
      bytes -= items.front().wire_bytes;
      items.pop_front();
    }
  };
  rt::queue_limits limits_;
  lane control_;
  lane bulk_;
};

}  // namespace freshet::port
