// Settings of the COMPRESSOR (DWC): how an update is made small.
#pragma once

#include <string>

#include "config/schema.hpp"
#include "config/schema/strategies.hpp"

namespace freshet::config {

struct compressor_settings {
  std::string codec = "dwc";
  double budget_share = 0.06;
  byte_count budget_bytes = byte_count(0);
  std::string importance = "fisher";

  static void describe(schema<compressor_settings>& s) {
    s.setting("codec", &compressor_settings::codec, "How updates are encoded.").one_of(codec_choices());
    s.setting("budget_share", &compressor_settings::budget_share,
              "Bytes of an update as a share of the whole adapter in fp16. For codec \"dwc\".")
        .between(0.0001, 1.0)
        .unit("share");
    s.setting("budget_bytes", &compressor_settings::budget_bytes,
              "The same in bytes; 0 lets budget_share decide.")
        .between(byte_count(0), byte_count(std::uint64_t{1} << 34U))
        .example(byte_count(8000));
    s.setting("importance", &compressor_settings::importance, "What a change is worth when the budget is spent.")
        .one_of(importance_choices());
  }
};

}  // namespace freshet::config
