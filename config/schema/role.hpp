// An entry of [[roles]]: which role runs where. Its settings are those of its kind (the table of that
// name), changed by its own `settings` table.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "config/schema.hpp"
#include "config/schema/compressor.hpp"
#include "config/schema/deployer.hpp"
#include "config/schema/device.hpp"
#include "config/schema/distiller.hpp"
#include "config/schema/intake.hpp"
#include "config/schema/node.hpp"
#include "config/schema/stats.hpp"
#include "config/schema/teacher.hpp"
#include "config/schema/uplink_filter.hpp"

namespace freshet::config {

/// BENCH has nothing to set: it is driven by the command line of `freshet bench adapt`.
struct bench_settings {
  static void describe(schema<bench_settings>&) {}
};

enum class role_kind : std::uint8_t {
  device,
  uplink_filter,
  intake,
  teacher,
  distiller,
  compressor,
  deployer,
  stats,
  bench,
};

/// In the order of role_kind: the index of the alternative is the kind.
using role_settings = std::variant<device_settings, uplink_filter_settings, intake_settings, teacher_settings,
                                   distiller_settings, compressor_settings, deployer_settings, stats_settings,
                                   bench_settings>;

/// All kinds with a sentence each, in the order of role_kind.
[[nodiscard]] const std::vector<choice>& role_kinds();
[[nodiscard]] const std::string& name(role_kind kind);
[[nodiscard]] inline role_kind kind_of(const role_settings& settings) {
  return static_cast<role_kind>(settings.index());
}

struct role_entry {
  std::string kind;
  std::string node;
  std::string name;
  std::uint32_t replicas = 1;
  std::uint32_t device_id = 0;

  static void describe(schema<role_entry>& s) {
    s.setting("kind", &role_entry::kind, "What it does.").one_of(role_kinds()).required().example("device");
    s.setting("node", &role_entry::node, "The node that it runs on.").check(name_problem).required().example("edge-1");
    s.setting("name", &role_entry::name, "Unique on its node; the kind's own name when it is left out.")
        .check(name_problem)
        .optional()
        .example("camera");
    s.setting("replicas", &role_entry::replicas,
              "So many of it on this node; from two on their names end in -1, -2 and so on.")
        .between(1, 256);
    s.setting("device_id", &role_entry::device_id,
              "For devices: the number by which the fleet knows it, counting up over replicas. Left out, devices "
              "are numbered from 1 in the order of the file; give numbers where the file will change.")
        .between(1, 4'000'000'000U)
        .optional()
        .example(7);
  }
};

}  // namespace freshet::config
