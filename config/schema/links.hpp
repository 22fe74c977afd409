// Settings of all links: credit, queues, resending. One set for a document, since both ends must agree
// on what silence means.
#pragma once

#include <cstdint>

#include "config/schema.hpp"

namespace freshet::config {

struct link_settings {
  std::uint32_t queue_limit = 2048;
  byte_count queue_bytes = byte_count(std::uint64_t{16} << 20U);
  milliseconds resend_after = milliseconds(500);
  std::uint32_t initial_credit = 4;

  static void describe(schema<link_settings>& s) {
    s.setting("queue_limit", &link_settings::queue_limit,
              "Messages that wait for credit or for their acknowledgement on one link. A full link makes its sender "
              "wait or shed.")
        .between(1, 65'536)
        .unit("messages");
    s.setting("queue_bytes", &link_settings::queue_bytes,
              "The same in bytes: a link that holds as much takes no further message. The last one may go beyond.")
        .between(byte_count(1), byte_count(std::uint64_t{64} << 30U));
    s.setting("resend_after", &link_settings::resend_after,
              "What was not acknowledged by then is sent again; doubled while nothing is heard.")
        .between(milliseconds(10), milliseconds(600'000));
    s.setting("initial_credit", &link_settings::initial_credit,
              "Messages that a receiver takes from a new sender before it has said how many.")
        .between(1, 1024)
        .unit("messages");
    s.rule([](const link_settings& l) -> std::optional<conflict> {
      if (l.initial_credit > l.queue_limit)
        return conflict{"initial_credit", std::to_string(l.initial_credit) + " is above queue_limit = " +
                                              std::to_string(l.queue_limit) + "; the queue could never use it"};
      return std::nullopt;
    });
  }
};

}  // namespace freshet::config
