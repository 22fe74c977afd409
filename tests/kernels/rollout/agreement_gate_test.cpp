#include "kernels/rollout/agreement_gate.hpp"

#include "kernels/base/rng.hpp"

#include <gtest/gtest.h>

namespace freshet::rollout {
namespace {

void feed(agreement_gate& gate, side who, const std::string& domain, double p, int n, rng& draw) {
  for (int i = 0; i < n; ++i) gate.add(who, domain, 1, draw.chance(p) ? 1 : 0);
}

TEST(agreement_gate, alarms_by_chance_no_more_often_than_promised_however_long_it_looks) {
  rng draw(11);
  agreement_options options;
  options.false_alarm = 0.05;
  options.margin = 0;  // the test alone
  int alarms = 0;
  const int rounds = 400;
  for (int r = 0; r < rounds; ++r) {
    agreement_gate gate(options);
    for (int i = 0; i < 300; ++i) {
      const std::string domain = i % 3 == 0 ? "fog" : "clear";
      const double p = i % 3 == 0 ? 0.5 : 0.8;
      feed(gate, side::control, domain, p, 2, draw);
      feed(gate, side::trial, domain, p, 1, draw);
    }
    alarms += gate.found() == finding::worse ? 1 : 0;
  }
  EXPECT_LE(alarms, 0.05 * rounds);
}

TEST(agreement_gate, a_version_that_answers_nonsense_is_found_with_about_a_dozen_probes) {
  rng draw(5);
  int all = 0;
  for (int r = 0; r < 50; ++r) {
    agreement_gate gate{agreement_options{}};
    feed(gate, side::control, "", 0.85, 30, draw);
    int probes = 0;
    while (gate.found() != finding::worse && probes < 30) {
      feed(gate, side::trial, "", 0.1, 1, draw);
      ++probes;
    }
    ASSERT_EQ(gate.found(), finding::worse) << "round " << r << ", and before a wave may end";
    EXPECT_NE(gate.why().find("agrees on"), std::string::npos);
    all += probes;
  }
  EXPECT_LE(all / 50.0, 14);
}

TEST(agreement_gate, a_version_that_is_bad_in_one_domain_of_five_is_found_by_that_domain) {
  rng draw(6);
  for (int r = 0; r < 30; ++r) {
    agreement_gate gate{agreement_options{}};
    for (int i = 0; i < 40 && gate.found() != finding::worse; ++i) {
      for (const char* domain : {"clear", "dusk", "rain", "snow", "fog"}) {
        feed(gate, side::control, domain, 0.85, 3, draw);
        feed(gate, side::trial, domain, domain == std::string("fog") ? 0.15 : 0.85, 1, draw);
      }
    }
    ASSERT_EQ(gate.found(), finding::worse);
    EXPECT_LE(gate.domains().at("fog").trial.asked, 28U);
  }
}

TEST(agreement_gate, needs_both_sides_and_every_common_domain) {
  rng draw(8);
  agreement_gate gate{agreement_options{}};
  feed(gate, side::trial, "clear", 0.9, 100, draw);
  EXPECT_EQ(gate.found(), finding::too_little) << "nobody to compare with";
  feed(gate, side::control, "clear", 0.9, 60, draw);
  EXPECT_EQ(gate.found(), finding::enough);
  feed(gate, side::control, "fog", 0.9, 20, draw);
  EXPECT_EQ(gate.found(), finding::too_little) << "the others meet fog, the trial has not yet";
  feed(gate, side::trial, "fog", 0.9, 8, draw);
  EXPECT_EQ(gate.found(), finding::enough);
  feed(gate, side::control, "hail", 0.9, 3, draw);
  EXPECT_EQ(gate.found(), finding::enough) << "too rare to wait for";
}

TEST(agreement_gate, a_loss_that_may_be_chance_keeps_it_waiting) {
  agreement_gate gate{agreement_options{}};
  gate.add(side::control, "", 100, 80);
  gate.add(side::trial, "", 40, 28);
  EXPECT_EQ(gate.found(), finding::too_little);
  ASSERT_TRUE(gate.suspicion().has_value());
  gate.add(side::trial, "", 60, 53);
  EXPECT_EQ(gate.found(), finding::enough);
  EXPECT_FALSE(gate.suspicion().has_value());
}

TEST(agreement_gate, a_loss_within_the_margin_is_none_however_sure) {
  agreement_options options;
  options.margin = 0.1;
  agreement_gate gate(options);
  gate.add(side::control, "", 4000, 3600);
  for (int i = 0; i < 40; ++i) gate.add(side::trial, "", 100, 84);
  EXPECT_EQ(gate.found(), finding::enough);
}

TEST(agreement_gate, domains_are_bounded_and_a_lie_about_counts_is_cut) {
  agreement_gate gate{agreement_options{}};
  for (int i = 0; i < 200; ++i) gate.add(side::trial, "domain " + std::to_string(i), 1, 9);
  EXPECT_EQ(gate.domains().size(), agreement_gate::most_domains + 1);
  EXPECT_EQ(gate.total(side::trial).asked, 200U);
  EXPECT_EQ(gate.total(side::trial).agreed, 200U);
}

}  // namespace
}  // namespace freshet::rollout
