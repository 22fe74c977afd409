// What a device asks of a version before it answers with it: [device.self_test].
#pragma once

#include "config/schema.hpp"

#include <cstdint>

namespace freshet::config {

struct self_test_settings {
  std::uint32_t questions = 16;
  double most_lost = 0.35;
  double slow_factor = 4.0;
  milliseconds limit = milliseconds(10'000);

  static void describe(schema<self_test_settings>& s) {
    s.setting("questions", &self_test_settings::questions,
              "Questions of the student's rehearsal set that a new version must answer about as well as the active "
              "one. 0 leaves them out: then only finite values and answers are asked for.")
        .between(0, 1024)
        .unit("questions");
    s.setting("most_lost", &self_test_settings::most_lost,
              "Share of the questions that the active version answers rightly and the new one may lose.")
        .between(0.0, 1.0)
        .unit("share");
    s.setting("slow_factor", &self_test_settings::slow_factor,
              "The new version may take this much longer than the active one on the same questions.")
        .between(1.5, 1000.0)
        .unit("times");
    s.setting("limit", &self_test_settings::limit, "A version that is not through after so long has failed.")
        .between(milliseconds(100), milliseconds(3'600'000));
  }
};

}  // namespace freshet::config
