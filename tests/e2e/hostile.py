# SPDX-License-Identifier: Apache-2.0
"""What attackers write into forms and paths, by what it is meant for. Each is only a text."""
XSS = (
    "<script>alert(1)</script>", "\"><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>",
    "javascript:alert(1)", "<iframe src=javascript:alert(1)>", "';alert(1)//", "</title><script>", "<!--<script>", "]]><script>",
    "<a href=\"data:text/html;base64,PHN2Zz4=\">", "{{7*7}}", "${7*7}", "<%= 7*7 %>", "#{7*7}", "\u003cscript\u003e", "<ScRiPt >",
    "＜script＞", "<b onmouseover=alert(1)>x")
SQL = (
    "' OR '1'='1", "'; DROP TABLE users; --", "\" OR \"\"=\"", "1; SELECT pg_sleep(9)", "' UNION SELECT password_hash FROM users --",
    "') OR ('1'='1", "admin'--", "admin'/*", "1' AND 1=(SELECT count(*) FROM users)--", "$$; DROP TABLE jobs; $$", "\\'; --", "%' OR 1=1",
    "_%", "0x27", "E'\\x27'", "'||(SELECT version())||'", "{\"$gt\":\"\"}", "1e1000", "NULL", "\u02bc OR 1=1")
PATHS = (
    "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "....//....//etc/passwd", "..\\..\\windows\\win.ini", "/etc/passwd",
    "file:///etc/passwd", "%2e%2e%2f", "..;/", ".", "..", "~root", "C:\\boot.ini", "\\\\host\\share", "/proc/self/environ", "..%c0%af",
    "con.txt", "a/../../b", "|id", "$(id)", "`id`", ";id", "&& id", "\u202egpj.exe", "%0d%0aX-Evil: 1", "x" * 300, "%s%n%x", "😀" * 20, "ﷺ",
    "İ", "\u0300" * 30)
ALL = XSS + SQL + PATHS
CONTROLS = ("a\r\nX-Evil: 1", "a\tb\vc", "\x1b[31mred", "a\x7fb", "\x85next", "a\u200bb", "a\u2028b")
