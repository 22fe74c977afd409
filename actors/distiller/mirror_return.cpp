// The way back of the mirror: DEPLOYER found the versions since `to` bad.
#include "actors/distiller/distiller_core.hpp"
#include "kernels/delta/artefact.hpp"

#include <algorithm>

namespace freshet::actors {

// What was learned since goes too: kept, it would be in the next update again. The samples stay in the replay.
void distiller_core::return_mirror(const topology::address& from, const topology::mirror_return& back, time_point now,
                                   outbox& out) {
  const auto refuse = [&](const std::string& why) {
    ++refused_;
    out.log(log_level::error, "does not go back to version " + std::to_string(back.to.value) + ": " + why);
  };
  if (from != options_.deployer) return refuse("asked by " + from.text() + ", not by " + options_.deployer.text());
  if (back.line != options_.line) return refuse("it is of another line");
  if (back.values.type() != dtype::f32 || back.values.items() != mirror_.items() ||
      delta::hash_values(back.values.as<float>(), back.values.items()) != back.hash)
    return refuse("its values are not what they claim");
  least_next_ = std::max(least_next_, back.next);
  const bool there = committed_ == back.to && delta::hash_values(mirror_.as<float>(), mirror_.items()) == back.hash;
  if (!there) {
    if (auto written = learner_.write(back.values); !written.ok()) return refuse(written.err().text());
    mirror_ = back.values;
    committed_ = back.to;
    window_first_ = samples_;
    fresh_ = 0;
    ++returns_;
    out.log(log_level::warn, "back to version " + std::to_string(back.to.value) + ": " + back.why);
    // A refresh that is on its way is of a base that is no more.
    made_ = made_version{{}, back.to};
    phase_ = phase::committing;
    return commit_version(now, out);
  }
  if (phase_ == phase::committing) return;  // told once that is done
  announced_ = now;
  announce({}, committed_, out);
}

}  // namespace freshet::actors
