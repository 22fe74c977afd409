// The test that a version passes before it answers, with a real student and a clock by hand.
#include "actors/device/self_check.hpp"

#include "kernels/distill/rehearsal.hpp"
#include "kernels/model/model_config.hpp"
#include "tests/support/device_fixture.hpp"

#include <gtest/gtest.h>

namespace freshet::actors {
namespace self_check_test {

using namespace std::chrono_literals;

class self_check_test : public device_fixture {
 protected:
  self_check_test() {
    // The rehearsal set: what version 0 says, so that it is right in all that it is examined in. What is
    // trained on must not be asked: it has answers that nobody gives.
    const test::noise_source source(9);
    std::vector<scenes::example> all;
    for (std::uint64_t i = 0; i < 24 * distill::held_out_every; ++i) {
      const auto s = *source.at(i);
      scenes::example e;
      e.picture = s.picture;
      const bool examined = i % distill::held_out_every == 0;
      e.questions.push_back({s.question, examined ? base_answer(s) : s.question});
      all.push_back(std::move(e));
    }
    const auto config = *model::load_model_config(tiny_.model());
    EXPECT_TRUE(distill::save_rehearsal(tiny_.model(), all, *config.vision).ok());
    check_.questions = 16;
    check_.clock = [this] { return time_ += each_call_; };
  }
  host_tensor scaled(float by) const {
    std::vector<float> v(oracle_.base_values().as<float>(),
                         oracle_.base_values().as<float>() + oracle_.base_values().items());
    rng draw(4);
    for (float& x : v) x = x * by + (by > 2 ? by * static_cast<float>(draw.normal()) : 0.0F);
    return host_tensor::of(std::move(v));
  }

  self_check_options check_;
  time_point time_{};
  duration each_call_ = 1ms;
};

TEST_F(self_check_test, takes_a_version_that_answers_alike) {
  const auto check = *self_check::load(tiny_.model(), check_);
  EXPECT_EQ(check.questions(), 16U);
  const host_tensor same = scaled(1.0F);
  EXPECT_TRUE(check.admit(oracle_, same).ok());
  EXPECT_EQ(oracle_.values(), same);
}

TEST_F(self_check_test, an_update_scaled_by_thirty_never_answers) {
  check_.most_lost = 0.2;
  const auto check = *self_check::load(tiny_.model(), check_);
  const host_tensor before = oracle_.values();
  const auto said = check.admit(oracle_, scaled(30));
  ASSERT_FALSE(said.ok());
  EXPECT_NE(said.err().context.find("questions answered rightly"), std::string::npos) << said.err().text();
  EXPECT_EQ(oracle_.values(), before) << "the active version goes on";
}

TEST_F(self_check_test, what_takes_too_long_has_failed) {
  check_.limit = 100ms;
  const auto check = *self_check::load(tiny_.model(), check_);
  each_call_ = 200ms;
  const auto said = check.admit(oracle_, scaled(1.0F));
  ASSERT_FALSE(said.ok());
  EXPECT_EQ(said.err().code, errc::timeout);
}

TEST_F(self_check_test, so_has_what_is_many_times_slower_than_the_active_version) {
  int calls = 0;
  check_.clock = [this, &calls] { return time_ += ++calls <= 3 ? 20ms : 300ms; };  // three looks a version
  const auto check = *self_check::load(tiny_.model(), check_);
  const auto said = check.admit(oracle_, scaled(1.0F));
  ASSERT_FALSE(said.ok());
  EXPECT_NE(said.err().context.find("the active version takes"), std::string::npos) << said.err().text();
}

TEST_F(self_check_test, without_questions_only_finite_numbers_are_asked_for) {
  check_.questions = 0;
  const auto check = *self_check::load(tiny_.model(), check_);
  EXPECT_TRUE(check.admit(oracle_, scaled(30)).ok());
  EXPECT_FALSE(check.admit(oracle_, scaled(std::numeric_limits<float>::infinity())).ok());
}

TEST_F(self_check_test, a_device_reports_the_version_that_failed) {
  device_options o = options(false);
  o.self_check = check_;
  o.self_check.most_lost = 0.2;
  auto core = make(o);
  core->start(now_, out_);
  update(*core, oracle_.base_values(), scaled(30), 0, 1);
  work_off(*core);
  const auto told = reports();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back().active, version{0});
  EXPECT_EQ(told.back().rejected, version{1});
  EXPECT_NE(told.back().last_failure.find("self-test"), std::string::npos);
}

TEST_F(self_check_test, a_device_goes_back_to_its_second_slot_on_the_disk_too) {
  device_options o = options(false);
  o.state_dir = tiny_.folder() / "state";
  auto core = make(o);
  core->start(now_, out_);
  const host_tensor base = oracle_.base_values();
  const host_tensor one = drifted(base, 5);
  const host_tensor two = drifted(one, 6);
  update(*core, base, one, 0, 1);
  work_off(*core);
  update(*core, one, two, 1, 2);
  work_off(*core);
  const content_hash first = delta::hash_values(one.as<float>(), one.items());
  core->handle(filter, topology::slot_order{version{1}, first, "not yours to say"}, now_, out_);
  work_off(*core);
  EXPECT_EQ(stats(*core)["version"], 2);
  core->handle(deployer, topology::slot_order{version{1}, first, "2 is bad"}, now_, out_);
  work_off(*core);
  EXPECT_EQ(stats(*core)["version"], 1);
  core.reset();
  core = make(o);
  out_.messages.clear();
  core->start(now_, out_);
  const auto told = reports();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].active, version{1});
  EXPECT_EQ(told[0].previous_hash, content_hash{}) << "the bad version is not on the disk any more";
}

}  // namespace self_check_test
}  // namespace freshet::actors
