// The names in the schema are those that kernels/ knows: a strategy added there is missed here, and
// the other way round.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "config/schema/source.hpp"
#include "config/schema/strategies.hpp"
#include "kernels/delta/codec.hpp"
#include "kernels/scenes/shifts.hpp"
#include "kernels/uncertainty/gate.hpp"
#include "kernels/uncertainty/scores.hpp"

namespace freshet::config {
namespace {

std::set<std::string> names_of(const std::vector<choice>& choices) {
  std::set<std::string> names;
  for (const choice& c : choices) {
    EXPECT_TRUE(names.insert(c.name).second) << c.name;
    EXPECT_FALSE(c.prose.empty()) << c.name;
  }
  return names;
}

template <class Registry>
std::set<std::string> names_in(const Registry& registry) {
  std::set<std::string> names;
  for (const auto& entry : registry) names.insert(std::string(entry.name));
  return names;
}

TEST(strategy_names, sample_scores_are_the_registry) {
  EXPECT_EQ(names_of(sample_score_choices()), names_in(uncertainty::sample_scores()));
}

TEST(strategy_names, gates_are_the_registry) {
  EXPECT_EQ(names_of(gate_choices()), names_in(uncertainty::gate_kinds()));
}

TEST(strategy_names, token_scores_are_the_registry) {
  EXPECT_EQ(names_of(token_score_choices()), names_in(uncertainty::token_scores()));
}

TEST(strategy_names, codecs_are_the_registry) {
  std::set<std::string> names;
  for (const std::string_view name : delta::codec_names()) names.emplace(name);
  EXPECT_EQ(names_of(codec_choices()), names);
}

TEST(strategy_names, default_phases_are_shifts_of_the_built_in_world) {
  for (const std::string& phase : source_settings{}.phases) EXPECT_TRUE(scenes::find_shift(phase).ok()) << phase;
}

}  // namespace
}  // namespace freshet::config
