// A distiller whose student reads text only: versions come of it, what it remembers outlives a crash, and batches of
// pictures are refused.
#include "actors/distiller/distiller_core.hpp"

#include "tests/support/distiller_fixture.hpp"

namespace freshet::actors {
namespace text_distiller_test {

using topology::version_committed;

class text_distiller : public distiller_fixture {
 protected:
  text_distiller() : distiller_fixture(true) { squeeze_.budget_share = 0.2; }
};

TEST_F(text_distiller, learns_and_goes_on_with_its_replay_after_a_restart) {
  folder_ = tiny_.folder() / "state";
  content_hash mirror;
  {
    const auto core = make();
    const version_committed told = first_version(*core);
    EXPECT_EQ(told.next, version{1});
    EXPECT_NE(told.result, first_.result);
    mirror = told.result;
    // No orderly stop: what is committed is on disk.
  }
  const auto core = make();
  EXPECT_EQ(first_.result, mirror);
  EXPECT_EQ(stats(*core)["replay"], 6);
  for (const auto& line : out_.logs) EXPECT_EQ(line.second.find("do not fit"), std::string::npos) << line.second;
  for (const auto& s : core->learner().memory().recent()) {
    EXPECT_TRUE(s->patches.empty() && s->positions.empty());
    EXPECT_FALSE(s->prompt.empty());
  }
  learn(*core, labels(2, 6));
  EXPECT_EQ(relay(*core).base, version{1});
  EXPECT_EQ(core->committed(), version{2});
  EXPECT_EQ(stats(*core)["refused"], 0);
}

TEST_F(text_distiller, refuses_pictures_and_goes_on) {
  const auto core = make();
  learn(*core, test::labelled(test::patches_of({{1, 2}, {3}}, 1), 1, "red", *words_));
  EXPECT_EQ(stats(*core)["refused"], 1);
  EXPECT_EQ(stats(*core)["trained_samples"], 0);
  EXPECT_EQ(out_.take<topology::leases_consumed>().size(), 1U) << "it would be refused again";
  learn(*core, labels(2, 6));
  EXPECT_EQ(stats(*core)["trained_samples"], 6);
}

class looking_distiller : public distiller_fixture {};

TEST_F(looking_distiller, refuses_text_alone) {
  const auto core = make();
  auto text = labels(1, 2);
  text.batch = test::text_batch({1, 2});
  text.batch.samples[0].random_probe = true;
  learn(*core, text);
  EXPECT_EQ(stats(*core)["refused"], 1);
  EXPECT_EQ(stats(*core)["trained_samples"], 0);
  EXPECT_TRUE(out_.take<topology::probe_outcomes>().empty()) << "what the student cannot read says nothing of its versions";
}

}  // namespace text_distiller_test
}  // namespace freshet::actors
