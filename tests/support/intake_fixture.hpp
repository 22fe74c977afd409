// Roles around an intake in tests, and intakes with the defaults.
#pragma once

#include "actors/intake/intake_core.hpp"
#include "tests/support/fake_outbox.hpp"
#include "tests/support/uts_batches.hpp"

#include <memory>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace freshet::test {

inline const topology::address teacher{"cloud", "teacher"};
inline const topology::address distiller{"cloud", "distiller"};
inline topology::address filter(std::uint32_t device) { return {"d" + std::to_string(device), "uplink_filter"}; }
inline time_point at(duration t) { return time_point{} + t; }

inline actors::intake_options intake_defaults() {
  actors::intake_options o;
  o.teachers = {teacher};
  o.distiller = distiller;
  return o;
}
inline std::unique_ptr<actors::role_core> intake_of(actors::intake_options o = intake_defaults()) {
  auto made = actors::make_intake(std::move(o));
  return std::move(made).value();
}
inline std::uint64_t stat(const actors::role_core& core, const char* key) {
  return nlohmann::json::parse(core.stats_json()).at(key).get<std::uint64_t>();
}

}  // namespace freshet::test
