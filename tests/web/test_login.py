from deepsynth.web.login import TRIES_PER_MINUTE, Login

TOKEN = "a-long-enough-token-for-tests"


def test_without_a_token_everything_is_open_and_no_token_fits():
    login = Login(None)
    assert not login.required
    assert not login.accepts_token("")


def test_a_code_works_once():
    login = Login(TOKEN)
    code = login.new_code()
    assert not login.use_code(code + "x")
    assert login.use_code(code)
    assert not login.use_code(code)
    assert not login.use_code("")


def test_sessions_are_signed_by_the_token_and_run_out(monkeypatch):
    login = Login(TOKEN)
    cookie = login.new_session()
    assert login.accepts_session(cookie)
    assert Login(TOKEN).accepts_session(cookie)  # after a restart, too
    assert not Login(TOKEN + "2").accepts_session(cookie)
    assert TOKEN not in cookie
    head, rest = cookie.split(".", 1)
    assert not login.accepts_session(f"{int(head, 16) + 10**6:x}.{rest}")
    for broken in ("", ".", "..", "x.y.z", cookie[:-1], "é" + cookie):
        assert not login.accepts_session(broken)
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert not login.accepts_session(cookie)


def test_many_failures_make_all_wait():
    login = Login(TOKEN)
    for _ in range(TRIES_PER_MINUTE):
        assert login.may_try()
        login.note_failure()
    assert not login.may_try()
