//! The plans printed in the README are plans.

use mock_upstream::Plan;

#[test]
fn the_example_script_is_accepted() {
    let readme = include_str!("../../README.md");
    let script = readme.split("```json").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Plan>>(script).unwrap().len(), 3);
}
