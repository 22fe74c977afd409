// What runs amount to: means and spreads over seeds, as a table for people, JSON for programs, and
// a plot.
//
// accuracy          share of right answers over the whole stream, answered before it is learned from
// forgetting        accuracy of `frozen` on the last phase minus the policy's, in points, where the
//                   last phase is the first domain again; without `frozen`, its own first phase
//                   stands in; 0 when the stream does not return
// recovery_samples  samples of a shifted phase until the last 100 answers are as good as the second
//                   half of that phase, mean over shifted phases
// Thread contract: pure functions.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tools/freshet/bench/adapt_run.hpp"

namespace freshet::cli {

/// The document of `--json`.
[[nodiscard]] nlohmann::ordered_json adapt_json(const adapt_plan& plan, const std::vector<std::uint64_t>& seeds,
                                                const std::vector<adapt_outcome>& outcomes);

/// The table that the command prints, from that document.
[[nodiscard]] std::string adapt_table(const nlohmann::ordered_json& report);

/// Mean time of every stage of the loop under each policy, from the same document.
[[nodiscard]] std::string stage_table(const nlohmann::ordered_json& report);

/// Accuracy along the stream, one line a policy, as SVG.
[[nodiscard]] std::string adapt_plot(const adapt_plan& plan, const std::vector<adapt_outcome>& outcomes);

}  // namespace freshet::cli
